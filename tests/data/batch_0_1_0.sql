BEGIN TRANSACTION;
CREATE TABLE jobs (
    key TEXT PRIMARY KEY,           -- hash of everything the output depends on
    kind TEXT NOT NULL,             -- dance, subject or video
    name TEXT NOT NULL,             -- for people
    output TEXT NOT NULL,           -- the file it makes
    task TEXT NOT NULL,             -- JSON, what the worker needs to know
    needs TEXT NOT NULL,            -- JSON list of keys that must be done before
    state TEXT NOT NULL DEFAULT 'waiting',
    attempts INTEGER NOT NULL DEFAULT 0,    -- times begun, all runs together
    completions INTEGER NOT NULL DEFAULT 0, -- times finished; never more than 1 unless its output was lost
    worker TEXT, started REAL, seconds REAL, error TEXT,
    wish TEXT NOT NULL DEFAULT ''   -- Job.wish
);
INSERT INTO "jobs" VALUES('b6b42b9908778a13ab161b5e99e6f5df','dance','tune.wav','OUT_FOLDER/stages/tune-b6b42b9908.dance.json','{"folder": "OUT_FOLDER", "weights": {}, "device": "cpu", "offline": true, "song": "IN_FOLDER/songs/tune.wav", "seed": 0, "style": "none", "start": 0.0, "duration": 1.0, "tempo": null}','[]','done',1,1,'process 27441',1.79600980397766351705e+09,32.6841708930001,NULL,'ecc5b0c0334f21002073be6767a69bd6');
INSERT INTO "jobs" VALUES('8b4ceca6d02301118e39341b0253df56','subject','me.bmp','OUT_FOLDER/stages/me-8b4ceca6d0.subject.npz','{"folder": "OUT_FOLDER", "weights": {}, "device": "cpu", "offline": true, "picture": "IN_FOLDER/pics/me.bmp", "pose": "IN_FOLDER/pics/me.pose.json", "mask": null}','[]','done',1,1,'process 27443',1.79600980403428387636e+09,2.02190919480001412016e+01,NULL,'4a422a71cf95cdbb27462004d1b027b1');
INSERT INTO "jobs" VALUES('07a535205939d25d0f28a53a9e3f6df9','subject','you.bmp','OUT_FOLDER/stages/you-07a5352059.subject.npz','{"folder": "OUT_FOLDER", "weights": {}, "device": "cpu", "offline": true, "picture": "IN_FOLDER/pics/you.bmp", "pose": "IN_FOLDER/pics/you.pose.json", "mask": null}','[]','done',1,1,'process 27443',1.79600982566961121563e+09,2.73833719800018116075e+00,NULL,'46faefc34d86a1cbaf48fe383baff105');
INSERT INTO "jobs" VALUES('64ce08a5bf31022f461b12d6fa6dfa33','video','tune--me','OUT_FOLDER/tune--me.mp4','{"folder": "OUT_FOLDER", "weights": {}, "device": "cpu", "offline": true, "song": "IN_FOLDER/songs/tune.wav", "picture": "IN_FOLDER/pics/me.bmp", "dance": "OUT_FOLDER/stages/tune-b6b42b9908.dance.json", "subject": "OUT_FOLDER/stages/me-8b4ceca6d0.subject.npz", "seed": 0, "style": "none", "size": 64, "fps": 5.0, "crf": 18, "preview": true, "start": 0.0, "duration": 1.0}','["b6b42b9908778a13ab161b5e99e6f5df", "8b4ceca6d02301118e39341b0253df56"]','done',1,1,'process 27441',1.79600983786567258834e+09,8.68387271000074179028e-01,NULL,'9cc214bd0bfe0b06c9b7d3debcbbb601');
INSERT INTO "jobs" VALUES('b76aef9a2c4b01f14b38d3db01535bf3','video','tune--you','OUT_FOLDER/tune--you.mp4','{"folder": "OUT_FOLDER", "weights": {}, "device": "cpu", "offline": true, "song": "IN_FOLDER/songs/tune.wav", "picture": "IN_FOLDER/pics/you.bmp", "dance": "OUT_FOLDER/stages/tune-b6b42b9908.dance.json", "subject": "OUT_FOLDER/stages/you-07a5352059.subject.npz", "seed": 0, "style": "none", "size": 64, "fps": 5.0, "crf": 18, "preview": true, "start": 0.0, "duration": 1.0}','["b6b42b9908778a13ab161b5e99e6f5df", "07a535205939d25d0f28a53a9e3f6df9"]','done',1,1,'process 27443',1.79600983787756204607e+09,1.23228002800010472128e+00,NULL,'a06e74f4dc7ee489046e12868536cdbb');
COMMIT;
