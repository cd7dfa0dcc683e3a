"""The artist's workbench: dances kept as files, takes, bars made anew, exports, reports, folders of jobs."""
