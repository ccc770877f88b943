import asyncio

import pytest

from asynchronous.together import Together


class Submit:
    """Answers each job with its own name, once it may; or fails."""

    def __init__(self):
        self.calls, self.asked, self.may, self.fails = [], asyncio.Event(), asyncio.Event(), False

    async def __call__(self, parts):
        self.calls.append(list(parts))
        self.asked.set()
        await self.may.wait()
        if self.fails:
            raise ConnectionError("Redis is away")
        return list(parts)


async def ask(submit, many):
    """Let one ask alone, and `many` while that one is on its way; return all answers."""
    together = Together(submit)
    first = asyncio.create_task(together.submit(b"first"))
    await submit.asked.wait()
    others = [asyncio.create_task(together.submit(b"%d" % number)) for number in range(many)]
    await asyncio.sleep(0)  # each of them has had its turn by now
    submit.may.set()
    return await asyncio.gather(first, *others, return_exceptions=True), together


def test_who_comes_while_others_are_on_their_way_goes_together_and_gets_the_own_answer():
    async def run():
        submit = Submit()
        answers, _ = await ask(submit, 100)
        assert answers == [b"first", *(b"%d" % number for number in range(100))]
        assert [len(call) for call in submit.calls] == [1, 64, 36]

    asyncio.run(run())


def test_nobody_waits_in_line_for_a_redis_that_is_away():
    async def run():
        submit = Submit()
        submit.fails = True
        answers, together = await ask(submit, 1000)
        assert {type(answer) for answer in answers} == {ConnectionError}
        assert len(answers) == 1001
        assert len(submit.calls) == 1
        submit.fails = False
        assert await together.submit(b"later") == b"later"

    asyncio.run(run())


def test_who_has_gone_away_holds_nobody_up():
    async def run():
        submit = Submit()
        together = Together(submit)
        gone, stays = (asyncio.create_task(together.submit(name)) for name in (b"gone", b"stays"))
        await submit.asked.wait()
        gone.cancel()
        submit.may.set()
        assert await stays == b"stays"
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(run())
