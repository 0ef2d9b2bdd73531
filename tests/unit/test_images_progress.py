"""What a client is told while an image comes."""

import asyncio
from typing import Any

from wherry.images.progress import Progress


async def heard(progress: Progress) -> list[dict[str, Any]]:
    return [message async for message in progress.messages()]


async def test_statuses_stay_in_order() -> None:
    progress = Progress()
    progress.say("Pulling from library/a", "1")
    progress.step("x", "Pulling fs layer")
    progress.say("Digest: d")
    progress.end()
    assert await heard(progress) == [
        {"status": "Pulling from library/a", "id": "1"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "x"},
        {"status": "Digest: d"},
    ]


async def test_a_failure_is_the_last_message() -> None:
    progress = Progress()
    progress.say("begun")
    progress.fail("no")
    assert (await heard(progress))[1:] == [{"errorDetail": {"message": "no"}, "error": "no"}]


async def test_counts_are_replaced_until_they_are_told() -> None:
    progress = Progress(interval=0)
    for current in range(1000):
        progress.count("x", "Downloading", current=current, total=1000)
    messages = progress.messages()
    assert (await anext(messages))["progressDetail"] == {"current": 999, "total": 1000}
    progress.count("x", "Downloading", current=1000, total=1000)
    progress.step("x", "Download complete")
    progress.end()
    assert [message["status"] async for message in messages] == ["Download complete"]


async def test_a_reader_that_waits_hears_of_news() -> None:
    progress = Progress(interval=0)
    reader = asyncio.create_task(heard(progress))
    await asyncio.sleep(0)
    progress.count("x", "Downloading", current=1, total=2)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    progress.end()
    assert [message["id"] for message in await reader] == ["x"]


async def test_counts_come_at_intervals() -> None:
    progress = Progress(interval=3600)
    messages = progress.messages()
    progress.count("x", "Downloading", current=1, total=3)
    assert (await anext(messages))["progressDetail"]["current"] == 1
    progress.count("x", "Downloading", current=2, total=3)
    progress.say("other")
    assert await anext(messages) == {"status": "other"}
    progress.end()
    assert [message async for message in messages] == []
