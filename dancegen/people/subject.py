"""`Subject` as version 0.1.0 called it; use `located.LocatedBody`."""

from dancegen.people.located import LocatedBody as Subject

__all__ = ["Subject"]
