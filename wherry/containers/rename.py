"""Renaming: the name changes, nothing else does; running containers go on (start.md 7.9)."""

from wherry.base.errors import Conflict, EngineError, InvalidParameter
from wherry.base.ids import check_name
from wherry.containers.news import News
from wherry.containers.steps.names import NameService
from wherry.network.endpoints import renamed
from wherry.state.store import Store


class Rename:
    """The verb."""

    def __init__(self, store: Store, news: News, names: NameService) -> None:
        """Take the records, who is told, and by what others find a container."""
        self._names = names
        self._store = store
        self._news = news

    async def __call__(self, ref: str, name: str) -> None:
        """Give a container another name; InvalidParameter and Conflict in Docker's words."""
        name = name.strip().removeprefix("/")
        if not ref or not name:
            raise InvalidParameter("Neither old nor new names may be empty")
        async with self._store.exclusive(self._store.get(ref).id) as slot:
            old = slot.rec.name
            if name == old:
                raise InvalidParameter("Renaming a container with the same name as its current name")
            try:
                await slot.rename(check_name(f"/{name}"), **renamed(slot.rec, name))
            except (InvalidParameter, Conflict) as error:
                raise _prefixed(error) from error
            if slot.rec.alive:
                await self._names.refresh(slot.rec)
            self._news.container(slot.rec, "rename", oldName=f"/{old}")


def _prefixed(error: EngineError) -> EngineError:
    return type(error)(f"Error when allocating new name: {error}")
