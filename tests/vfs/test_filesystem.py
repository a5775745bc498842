"""The lock, and what the file system tells about itself."""

from concurrent.futures import ThreadPoolExecutor

from wasm_interp._core.vfs import Base, FileSystem, Quota, Usage


def test_it_tells_its_root_and_quota(base: Base) -> None:
    fs = FileSystem(base, Quota(5, 6), lambda: 0)
    assert fs.root == base.root
    assert fs.quota == Quota(5, 6)
    assert fs.fork().quota == fs.quota


def test_a_caller_may_hold_the_lock_around_several_calls(fs: FileSystem) -> None:
    with fs.lock, ThreadPoolExecutor(1) as pool:
        ino = fs.open(fs.root, "/tmp/f", create=True)
        waiting = pool.submit(fs.append, ino, b"second")
        fs.append(ino, b"first ")
        assert not waiting.done()
        fs.lock.release()
        try:
            assert waiting.result(timeout=60) == len(b"first second")
        finally:
            fs.lock.acquire()


def test_a_fork_does_not_wait_for_the_lock_of_the_other_side(fs: FileSystem) -> None:
    fork = fs.fork()
    with fs.lock, ThreadPoolExecutor(1) as pool:
        assert pool.submit(fork.mkdir, fork.root, "/tmp/d").result(timeout=60)


def test_threads_that_share_a_file_system_lose_nothing(base: Base) -> None:
    fs = FileSystem(base, Quota(100_000, 10_000), lambda: 0)
    shared = fs.open(fs.root, "/tmp/shared", create=True)

    def work(number: int) -> None:
        folder = fs.mkdir(fs.root, f"/tmp/{number}")
        for step in range(200):
            fs.append(shared, b"x")
            fs.release(fs.open(folder, f"{step}", create=True))
            if step % 10 == 0:
                fs.fork()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert fs.stat(shared).size == 1_600
    assert fs.usage() == Usage(bytes=1_600, inodes=1 + 8 + 1_600)
    assert len(fs.entries(fs.resolve(fs.root, "/tmp/3"), 2)) == 200
