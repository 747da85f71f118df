"""Hundreds of faults in any order."""

import collections
from random import Random

from tests.download.fetches import NAME, fetch, left
from tests.server import CONTENT, OTHER, Answer, Hub

FAULTS = 200


def faulty(random):
    """Answers with one to four faults, of all kinds, in any order."""

    def size():
        return random.randrange(len(CONTENT))

    kinds = [
        lambda: Answer(cut=size()),
        lambda: Answer(cut=size(), ignores_range=True),
        lambda: Answer(cut=size(), etag=None, content=OTHER),
        lambda: Answer(cut=size(), etag=random.choice([None, '"two"', 'W/"one"'])),
        lambda: Answer(content=OTHER, etag=random.choice([None, '"one"', '"two"'])),
        lambda: Answer(length=size()),
        lambda: Answer(length=len(CONTENT) + size() + 1),
        lambda: Answer(content=CONTENT[: size()]),
        lambda: Answer(content=CONTENT + b"x" * (size() + 1), chunked=random.random() < 0.5),
        lambda: Answer(content=CONTENT[:size()], chunked=True),
        lambda: Answer(cut=size(), chunked=True),
        lambda: Answer(range_off=random.choice([-1, 1, 7])),
        lambda: Answer(stall=60, cut=random.choice([None, size()])),
        lambda: Answer(random.choice([302, 307]), headers={"Location": random.choice(["/round", "/other", "ftp://x/", "http://127.0.0.1:1/", ""])}),
        lambda: Answer(random.choice([400, 401, 403, 404, 410, 416, 418])),
        lambda: Answer(random.choice([408, 425, 429, 500, 502, 503, 504]), headers=random.choice([{}, {"Retry-After": "0"}])),
        lambda: Answer(random.choice([204, 300, 304])),
        lambda: Answer(headers={"Content-Encoding": "gzip"}, content=random.choice([CONTENT, OTHER])),
    ]  # fmt: skip
    return [random.choice(kinds)() for _ in range(random.randrange(1, 5))]


def test_two_hundred_faults_and_no_wrong_file(tmp_path):
    """Each folder takes one to three runs over faults; whatever happens, the name has the right bytes or no file."""
    random, faults, states, folder = Random(20240), 0, collections.Counter(), 0
    while faults < FAULTS:
        folder += 1
        where = tmp_path / str(folder)
        for _ in range(random.randrange(1, 4)):
            answers = faulty(random)
            with Hub(*answers) as hub:
                download = fetch(where, hub, attempts=4, stall_s=0.3)
                faults += len(answers) - len(hub.answers)
            states[download.state] += 1
            there = (where / NAME).exists()
            assert there == (download.state == "done") and "unexpected" not in (download.problem or "")
            assert not there or (where / NAME).read_bytes() == CONTENT
            assert set(left(where)) <= {NAME, f"{NAME}.part", f"{NAME}.part.json"}
            if there:
                assert left(where) == [NAME]
                break
    assert states["done"] >= 20 and states["failed"] >= 20, states
