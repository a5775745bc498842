"""fs over the sandbox's files: the same that Python contexts and the host see."""

from __future__ import annotations

import pytest

from wasm_interp import CodeContext, Limits, Sandbox


def test_files_are_those_of_the_sandbox(context: CodeContext, shared_sandbox: Sandbox) -> None:
    context.run("const fs = require('fs'); fs.mkdirSync('/workspace/d/e', {recursive: true})")
    context.run("fs.writeFileSync('d/e/f.txt', 'héllo')")
    assert shared_sandbox.files.read_text("/workspace/d/e/f.txt") == "héllo"
    shared_sandbox.files.write("/workspace/d/from_host", b"\x00\xff")
    assert context.run("fs.readFileSync('/workspace/d/from_host')").text == "<Buffer 00 ff>"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("fs.writeFileSync('t', 'a'); fs.appendFileSync('t', 'b'); fs.readFileSync('t', 'utf8')", "ab"),
        ("fs.writeFileSync('t', Buffer.from([1, 2])); fs.readFileSync('t')", "<Buffer 01 02>"),
        ("fs.readFileSync('t') instanceof Uint8Array && Buffer.isBuffer(fs.readFileSync('t'))", "true"),
        ("fs.writeFileSync('t', '68690a', 'hex'); fs.readFileSync('t', 'latin1')", "hi\n"),
        ("fs.existsSync('nope')", "false"),
        ("fs.statSync('t').isFile() && fs.statSync('/tmp').isDirectory() && fs.statSync('t').size", "3"),
        ("fs.statSync('nope', {throwIfNoEntry: false})", None),
        ("fs.mkdirSync('m/n', {recursive: true}); fs.writeFileSync('m/x', ''); fs.readdirSync('m')", "[ 'n', 'x' ]"),
        ("fs.readdirSync('m', {withFileTypes: true}).map(e => [e.name, e.isDirectory()])",
         "[ [ 'n', true ], [ 'x', false ] ]"),
        ("fs.renameSync('m/x', 'm/y'); fs.copyFileSync('m/y', 'm/n/z'); fs.readdirSync('m', {recursive: true})",
         "[ 'n', 'n/z', 'y' ]"),
        ("fs.rmSync('m', {recursive: true}); fs.existsSync('m')", "false"),
        ("fs.symlinkSync('t', 'l'); [fs.readlinkSync('l'), fs.lstatSync('l').isSymbolicLink(), fs.realpathSync('l')]",
         "[ 't', true, '/workspace/js/t' ]"),
        ("const fd = fs.openSync('t', 'w+'); fs.writeSync(fd, 'abcdef'); const b = Buffer.alloc(3); "
         "fs.readSync(fd, b, 0, 3, 2); fs.closeSync(fd); String(b)", "cde"),
        ("fs.truncateSync('t', 2); fs.readFileSync('t', 'utf8')", "ab"),
        ("fs.utimesSync('t', 1, 2); fs.statSync('t').mtimeMs", "2000"),
        ("await fs.promises.writeFile('p', 'x'); await fs.promises.readFile('p', 'utf8')", "x"),
        ("await new Promise(done => fs.readFile('p', 'utf8', (e, s) => done(s)))", "x"),
        ("await new Promise(done => fs.readFile('nope', e => done(e.code)))", "ENOENT"),
        ("(await (await fs.promises.open('p')).readFile('utf8'))", "x"),
        ("fs.mkdtempSync('/tmp/x-').length", "13"),
        ("fs.writeFileSync('big', 'é'.repeat(300000)); fs.readFileSync('big', 'utf8').length", "300000"),
    ],
)  # fmt: skip
def test_calls(shared_sandbox: Sandbox, cell: str, text: str | None) -> None:
    with shared_sandbox.create_code_context("javascript", cwd="/workspace/js") as context:
        context.run("const fs = require('fs')")
        result = context.run(cell)
    assert result.error is None
    assert result.text == text


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("readFileSync('nope')", "ENOENT: no such file or directory, open 'nope'"),
        ("readFileSync('/tmp')", "EISDIR: illegal operation on a directory, read"),
        ("readdirSync('nope')", "ENOENT: no such file or directory, scandir 'nope'"),
        ("mkdirSync('/tmp')", "EEXIST: file already exists, mkdir '/tmp'"),
        ("rmdirSync('/workspace')", "ENOTEMPTY: directory not empty, rmdir '/workspace'"),
        ("writeFileSync('/usr/x', '')", "EROFS: read-only file system, open '/usr/x'"),
        ("renameSync('nope', 'x')", "ENOENT: no such file or directory, rename 'nope' -> 'x'"),
        ("readFileSync(5n)", None),
        ("readFileSync('a\\0b')", None),
        ("createReadStream('x')", None),
    ],
)
def test_failures_are_as_nodes(context: CodeContext, call: str, message: str | None) -> None:
    error = context.run(f"require('fs').{call}").error
    assert error is not None
    if message is not None:
        assert error.value == message


def test_the_quota_is_the_sandboxs() -> None:
    with Sandbox(limits=Limits(file_bytes=1 << 20)) as sandbox:
        error = sandbox.run_code("require('fs').writeFileSync('x', 'y'.repeat(2 << 20))", language="js").error
    assert error is not None
    assert error.value.startswith("ENOSPC: no space left on device")
