"""packages=: pip itself, over a folder of wheels that the tests make, with no index."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from wasm_interp import Sandbox, UsageError, packages
from wasm_interp.packages import packages_archive


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip sees, and a cache of its own; what is compiled for a guest stays where it is."""
    folder = tmp_path / "index"
    folder.mkdir()
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    for name in ("PIP_CONSTRAINT", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setattr(packages, "cache_folder", lambda: cache)
    return folder


def _wheel(
    folder: Path,
    name: str,
    version: str,
    files: dict[str, str],
    *,
    needs: tuple[str, ...] = (),
    tag: str = "py3-none-any",
) -> None:
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    members = files | {
        f"{info}/METADATA": metadata + "".join(f"Requires-Dist: {each}\n" for each in needs),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    digests = {
        path: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        for path, text in members.items()
    }
    members[f"{info}/RECORD"] = "".join(f"{path},sha256={digest},\n" for path, digest in digests.items())
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)


def _names(archive: Path | None) -> list[str]:
    assert archive is not None
    with zipfile.ZipFile(archive) as opened:
        return sorted(name for name in opened.namelist() if ".dist-info/" not in name)


def test_no_packages_are_no_archive() -> None:
    assert packages_archive([]) is None


def test_a_package_and_what_it_needs(index: Path) -> None:
    _wheel(
        index, "greeter", "1.2", {"greeter/__init__.py": "import words\nGREETING = words.WORD\n"}, needs=("words>=2",)
    )
    _wheel(index, "words", "1.0", {"words.py": "WORD = 'old'\n"})
    _wheel(index, "words", "2.1", {"words.py": "WORD = 'hello'\n"})
    with Sandbox(packages=["greeter==1.*"]) as sandbox:
        assert sandbox.run_code("import greeter; greeter.GREETING").text == "'hello'"
        other = sandbox.create_code_context()
        assert other.run("import greeter, os, words; words.__file__, os.path.exists(words.__spec__.cached)").text == (
            "('/usr/local/lib/wasm_interp_packages/words.py', True)"
        )
        installed = sandbox.run_code("%pip install greeter")
        assert (installed.error, installed.stdout) == (None, "Requirement already satisfied: greeter (1.2)\n")
        changed = sandbox.run_code("open('/usr/local/lib/wasm_interp_packages/words.py', 'w')")
        assert changed.error is not None
        assert changed.error.name == "OSError"
        assert sandbox.files.exists("/usr/local/lib/wasm_interp_packages/greeter/__init__.py")
    with Sandbox() as sandbox:
        missing = sandbox.run_code("import greeter")
    assert missing.error is not None
    assert missing.error.value == "No module named 'greeter'"


def test_a_fork_of_the_sandbox_has_them(index: Path) -> None:
    _wheel(index, "words", "2.1", {"words.py": "WORD = 'hello'\n"})
    with Sandbox(packages=["words"]) as sandbox, sandbox.fork() as twin:
        assert twin.run_code("import words; words.WORD").text == "'hello'"


def test_the_traceback_has_the_source_of_a_package(index: Path) -> None:
    _wheel(index, "broken", "1", {"broken.py": "def fail():\n    raise ValueError('no')\n"})
    with Sandbox(packages=["broken"]) as sandbox:
        error = sandbox.run_code("import broken; broken.fail()").error
    assert error is not None
    assert '  File "/usr/local/lib/wasm_interp_packages/broken.py", line 2, in fail' in error.traceback
    assert "    raise ValueError('no')" in error.traceback


def test_the_second_time_pip_is_not_asked(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _wheel(index, "words", "2.1", {"words.py": "WORD = 'hello'\n"})
    first = packages_archive(["words"])

    def refuse(*arguments: str) -> None:
        raise AssertionError(arguments)

    monkeypatch.setattr(packages, "_pip", refuse)
    assert packages_archive([" words "]) == first


def test_what_the_guest_has_is_not_added(index: Path) -> None:
    _wheel(index, "wants_numpy", "1", {"wants_numpy.py": ""}, needs=("numpy>=2", "six"))
    assert [name for name in _names(packages_archive(["wants_numpy"])) if name.endswith(".py")] == ["wants_numpy.py"]
    assert _names(packages_archive(["numpy>=2", "pandas"])) == []


def test_another_version_of_what_the_guest_has_is_refused(index: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^packages: the sandbox has numpy 2\.5\.2 built in, so numpy<2 cannot be added$"
    ):
        packages_archive(["numpy<2"])


def test_a_need_for_another_version_is_named(index: Path) -> None:
    _wheel(index, "old_fashioned", "1", {"old_fashioned.py": ""}, needs=("numpy<2",))
    with pytest.raises(UsageError, match=r"old.fashioned 1 depends on numpy<2"):
        packages_archive(["old_fashioned"])


def test_a_compiled_package_is_refused_by_name(index: Path) -> None:
    _wheel(index, "fast", "1", {"fast.py": ""}, tag="cp315-cp315-manylinux_2_17_x86_64")
    with pytest.raises(UsageError, match=r"^packages: .*\bfast\b"):
        packages_archive(["fast"])


def test_a_wheel_that_hides_a_compiled_extension_is_refused(index: Path) -> None:
    _wheel(index, "sly", "1", {"sly/core.so": "ELF"})
    with pytest.raises(UsageError, match=r"sly-1-py3-none-any\.whl has a compiled extension, sly/core\.so"):
        packages_archive(["sly"])


@pytest.mark.parametrize("name", ["../out.py", "/out.py", "a/../../out.py", "a\\out.py", "c:out.py"])
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="leads out of its folder"):
        packages._place("evil-1-py3-none-any.whl", name)


def test_only_the_library_part_of_a_wheel_is_kept(index: Path) -> None:
    files = {"a.py": "", "tool-1.data/scripts/run": "", "tool-1.data/purelib/b.py": "", "tool-1.data/data/etc/x": ""}
    _wheel(index, "tool", "1", files)
    assert [name for name in _names(packages_archive(["tool"])) if name.endswith((".py", "x", "run"))] == [
        "a.py",
        "b.py",
    ]


def test_a_module_that_does_not_compile_stays_source(index: Path) -> None:
    _wheel(index, "half", "1", {"half.py": "X = 1\n", "template.py": "{% if %}\n"})
    assert [name for name in _names(packages_archive(["half"])) if "template" in name] == ["template.py"]


@pytest.mark.parametrize(("cap", "value"), [("MAX_BYTES", 1000), ("MAX_FILES", 3)])
def test_what_is_too_large_is_refused(index: Path, monkeypatch: pytest.MonkeyPatch, cap: str, value: int) -> None:
    _wheel(index, "large", "1", {f"large/{number}.py": "#" * 400 for number in range(4)})
    monkeypatch.setattr(packages, cap, value)
    with pytest.raises(UsageError, match="they have more than"):
        packages_archive(["large"])


@pytest.mark.parametrize(
    "requirement",
    [
        "",
        "-r file",
        "--index-url=http://x",
        "./folder",
        "a @ http://x",
        "git+https://x",
        "a; python_version<'3'",
        "a b",
        5,
    ],
)
def test_what_is_no_requirement_is_refused(requirement: object) -> None:
    with pytest.raises(UsageError, match="is no requirement like"):
        packages_archive([requirement])  # type: ignore[list-item]


def test_one_text_is_no_list() -> None:
    with pytest.raises(UsageError, match="must be a list of requirements, not 'humanize'"):
        packages_archive("humanize")


def test_an_unknown_package_is_named(index: Path) -> None:
    with pytest.raises(UsageError, match=r"^packages: the package index has no no-such-package$"):
        packages_archive(["no-such-package"])


def test_without_a_network_it_says_so(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setattr(packages, "_QUIET", (*packages._QUIET, "--retries=1"))
    with pytest.raises(
        UsageError, match=r"^packages: the package index cannot be reached, so words cannot be downloaded$"
    ):
        packages_archive(["words"])


def test_without_pip_it_says_so(index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    interpreter.chmod(0o755)
    monkeypatch.setattr(packages.sys, "executable", str(interpreter))
    with pytest.raises(UsageError, match=r"^packages need pip to find them; run: .*python -m ensurepip$"):
        packages_archive(["words"])
