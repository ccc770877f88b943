import asyncio

import pytest

from asynchronous.throughput.grouped_submit import GroupedSubmit


class Submit:
    """Answers each job with its own name, when it is allowed to; or fails."""

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
    """Submit one job alone, and `many` while that job is being submitted; return all answers."""
    grouped = GroupedSubmit(submit)
    first = asyncio.create_task(grouped.submit(b"first"))
    await submit.asked.wait()
    others = [asyncio.create_task(grouped.submit(b"%d" % number)) for number in range(many)]
    await asyncio.sleep(0)  # each of them has had its turn by now
    submit.may.set()
    return await asyncio.gather(first, *others, return_exceptions=True), grouped


def test_jobs_that_arrive_during_a_submit_are_grouped_and_get_their_own_answers():
    async def run():
        submit = Submit()
        answers, _ = await ask(submit, 100)
        assert answers == [b"first", *(b"%d" % number for number in range(100))]
        assert [len(call) for call in submit.calls] == [1, 64, 36]

    asyncio.run(run())


def test_no_group_waits_behind_another_for_a_redis_that_is_away():
    async def run():
        submit = Submit()
        submit.fails = True
        answers, grouped = await ask(submit, 1000)
        assert {type(answer) for answer in answers} == {ConnectionError}
        assert len(answers) == 1001
        assert len(submit.calls) == 1
        submit.fails = False
        assert await grouped.submit(b"later") == b"later"

    asyncio.run(run())


def test_a_caller_that_disconnects_delays_no_other():
    async def run():
        submit = Submit()
        grouped = GroupedSubmit(submit)
        gone, stays = (asyncio.create_task(grouped.submit(name)) for name in (b"gone", b"stays"))
        await submit.asked.wait()
        gone.cancel()
        submit.may.set()
        assert await stays == b"stays"
        with pytest.raises(asyncio.CancelledError):
            await gone

    asyncio.run(run())
