"""What pip answers in a sandbox: packages come with it or from the host, never from inside."""

import re
import shlex

from wasm_interp_kernel.magic_errors import UsageError

_COMMAND = re.compile(r"(?:python3? +-m +|uv +)?(?:pip3?|conda|mamba)\b(?P<argument>.*)", re.S).fullmatch
_WITH_VALUE = frozenset(
    [
        "-r",
        "-c",
        "-i",
        "-f",
        "-t",
        "-e",
        "--requirement",
        "--constraint",
        "--index-url",
        "--extra-index-url",
        "--target",
    ]
)


def pip_argument(command: str) -> str | None:
    """What follows ``pip`` in a shell command; None when it is another command."""
    found = _COMMAND(command.strip())
    return found and found["argument"].strip()


def answer(argument: str) -> None:
    """Print what pip would, where nothing needs to change. Raises UsageError for what cannot be done here."""
    try:
        subcommand, *words = shlex.split(argument) or [""]
    except ValueError as error:
        raise UsageError(f"pip {argument}: {error}") from None
    if subcommand in ("list", "freeze"):
        print("\n".join(f"{name}=={version}" for name, version in installed()))
    elif subcommand == "show":
        _show(words)
    elif subcommand == "install":
        _install(_requirements(words))
    else:
        raise UsageError(f"pip {subcommand}: packages cannot be changed from inside the sandbox")


def installed() -> list[tuple[str, str]]:
    """Names and versions of the packages that can be imported, sorted."""
    from importlib.metadata import distributions

    found = {item.metadata["Name"]: item.version for item in distributions()}
    return sorted(found.items(), key=lambda item: item[0].lower())


def _show(names: list[str]) -> None:
    for name in names:
        if (version := _version(name)) is None:
            raise UsageError(f"{name} is not in this sandbox")
        print(f"Name: {name}\nVersion: {version}")


def _requirements(words: list[str]) -> list[str]:
    kept = []
    remaining = iter(words)
    for word in remaining:
        if word in _WITH_VALUE:
            next(remaining, None)
        elif not word.startswith("-"):
            kept.append(word)
    return kept


def _install(requirements: list[str]) -> None:
    if not requirements:
        raise UsageError("pip install: name the packages; nothing else can be answered from inside the sandbox")
    missing = []
    for wanted in requirements:
        if (there := _satisfies(wanted)) is not None:
            print(f"Requirement already satisfied: {wanted} ({there})")
        else:
            missing.append(wanted)
    if missing:
        packages = ", ".join(name for name, _ in installed())
        raise UsageError(
            f"cannot install {', '.join(missing)}: packages cannot be installed from inside the sandbox. The program "
            f"that runs it can add pure-Python packages: Sandbox(packages={missing!r}). These are here: {packages}"
        )


def _satisfies(wanted: str) -> str | None:
    """The version that is here, if it meets a requirement; None if it does not, or for what is no requirement."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(wanted)
    except InvalidRequirement:
        return None
    version = None if requirement.url else _version(requirement.name)
    return version if version is not None and requirement.specifier.contains(version, prereleases=True) else None


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except (PackageNotFoundError, ValueError):
        return None
