"""`server config reload`, and what it changed."""

from . import situation
from .side import RELOADED, SYSTEM, USER

FORCED = "server config reload {id} --force"
CHANGED = """
pub news.today x
account info
"""


def reload(side):
    side.commands(RELOADED, CHANGED, when=" before a reload")
    side.commands(SYSTEM, FORCED, when=" of nothing new")
    side.configure(situation.RELOADED)
    side.commands(SYSTEM, "server config reload {id}\nserver config reload one --force")
    side.commands(USER, FORCED)
    side.commands(SYSTEM, FORCED, when=" of another user")
    side.commands(RELOADED, CHANGED, when=" after a reload")
    side.configure(situation.BROKEN)
    side.commands(SYSTEM, FORCED, when=" of what is wrong")
    side.commands(RELOADED, CHANGED, when=" after a refused reload")
