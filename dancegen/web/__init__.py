"""The studio in a browser (extra `studio`): a page of our own, and what serves it.

`serve` opens the door, `guard` stands in it, `project` is the folder of plain files, `work` does what takes time;
`pictures`, `songs`, `clips`, `styles`, `dances` with `changes`, `videos` and `preview` are the page's subjects.
`static` is the page: HTML, CSS and ES modules as the browser reads them, without a build step.
"""
