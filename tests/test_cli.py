import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from wasm_interp import Limits, Sandbox, UsageError, __version__
from wasm_interp import Result as Shown
from wasm_interp.cli import app, machine
from wasm_interp.cli.console import Console
from wasm_interp.cli.supplies import PictureFolder, save_results, take_out, workspace_files
from wasm_interp.cli.terminal import Writer, visible

ROOT = Path(__file__).resolve().parents[1]


def invoke(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)


def process(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command as a process of its own, warnings being errors."""
    command = [sys.executable, "-W", "error", "-m", "wasm_interp", *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, encoding="utf-8")


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class TestRunningAProgram:
    def test_output_streams_and_the_last_value_comes_last(self) -> None:
        done = invoke("run", "-c", "import sys; print('out'); print('err', file=sys.stderr); 6 * 7")
        assert (done.stdout, done.stderr, done.exit_code) == ("out\n42\n", "err\n", 0)

    def test_the_last_value_has_a_line_of_its_own(self) -> None:
        assert invoke("run", "-c", "print('a', end=''); 5").stdout == "a\n5\n"

    def test_nothing_is_added_where_there_is_no_value(self) -> None:
        assert invoke("run", "-c", "print('a', end=''); None").stdout == "a"

    def test_what_is_displayed_comes_out_in_order(self) -> None:
        done = invoke("run", "-c", "display([1]); print('then'); 'last'")
        assert done.stdout == "[1]\nthen\n'last'\n"

    def test_a_file_is_a_program_in_the_language_of_its_suffix(self) -> None:
        Path("program.py").write_text("# a file\nif __name__ == '__main__':\n    print('ü')\n", "utf-8")
        assert invoke("run", "program.py").stdout == "ü\n"

    def test_the_language_can_be_named(self) -> None:
        Path("program.txt").write_text("1 + 1")
        assert invoke("run", "program.txt", "--language", "Python3").stdout == "2\n"

    def test_a_byte_order_mark_is_no_part_of_the_program(self) -> None:
        Path("program.py").write_bytes(b"\xef\xbb\xbf1 + 1")
        assert invoke("run", "program.py").stdout == "2\n"

    def test_a_dash_reads_the_program_from_stdin(self) -> None:
        assert invoke("run", "-", stdin="x = 20\nx + 1\n").stdout == "21\n"

    def test_input_reads_lines_of_stdin(self) -> None:
        done = invoke("run", "-c", "a = input('a? '); b = input(); a + b", stdin="one\ntwo\n")
        assert done.stdout == "a? \n'onetwo'\n"

    def test_what_a_program_asks_of_its_host_is_asked_of_the_user(self) -> None:
        code = "a = await host.request('amount', {'of': 'tea'})\nb = await host.request('name')\na['n'] + 1, b"
        done = invoke("run", "-c", code, stdin='{"n": 41}\nAda NaN\n')
        assert (done.stdout, done.exit_code) == ('amount {"of": "tea"}? name? \n(42, \'Ada NaN\')\n', 0)
        done = invoke("run", "-c", "await host.request('name')", stdin="NaN\n")
        assert done.stdout == "name? \n'NaN'\n"

    def test_a_request_with_nobody_to_ask_is_an_eof_error(self) -> None:
        done = invoke("run", "-c", "await host.request('name')", stdin="")
        assert done.exit_code == 1
        assert done.stderr.endswith("EOFError: end of input\n")

    def test_results_before_and_after_a_request_are_all_written(self, tmp_path: Path) -> None:
        shown = "display(SVG('<svg/>'))"
        code = f"from IPython.display import SVG\n{shown}\nawait host.request('go on')\n{shown}"
        done = invoke("run", "-c", code, "--output", str(tmp_path), stdin="true\n")
        assert done.exit_code == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == ["result-1.svg", "result-2.svg"]

    def test_input_past_the_end_is_an_eof_error(self) -> None:
        done = invoke("run", "-c", "input()", stdin="")
        assert done.exit_code == 1
        assert done.stderr.endswith("EOFError: end of input\n")

    def test_a_program_from_stdin_has_no_input(self) -> None:
        done = invoke("run", "-", stdin="input()\n")
        assert done.stderr.endswith("EOFError: the program itself was read from stdin\n")

    def test_environment_and_memory_are_set(self) -> None:
        done = invoke("run", "--env", "A=1=2", "--memory", "400", "-c", "import os; os.environ['A'], 'x' * 10**9")
        assert done.stderr.endswith("MemoryError\n")
        assert invoke("run", "--env", "A=1=2", "-c", "import os; os.environ['A']").stdout == "'1=2'\n"


class TestExitStatus:
    def test_an_error_of_the_program_is_1_with_its_traceback(self) -> None:
        done = invoke("run", "-c", "1 / 0")
        assert (done.stdout, done.exit_code) == ("", 1)
        assert done.stderr.startswith("Traceback (most recent call last):\n")
        assert done.stderr.endswith("ZeroDivisionError: division by zero\n")

    @pytest.mark.parametrize(
        ("code", "status", "stderr"),
        [
            ("raise SystemExit", 0, ""),
            ("import sys; sys.exit()", 0, ""),
            ("import sys; sys.exit(0)", 0, ""),
            ("import sys; sys.exit(3)", 3, ""),
            ("import sys; sys.exit(259)", 3, ""),
            ("import sys; sys.exit(-1)", 255, ""),
            ("import sys; sys.exit('no luck')", 1, "no luck\n"),
            ("import os; os._exit(4)", 4, ""),
        ],
    )
    def test_what_the_program_asks_for_is_honoured(self, code: str, status: int, stderr: str) -> None:
        done = invoke("run", "-c", code)
        assert (done.exit_code, done.stdout, done.stderr) == (status, "", stderr)

    def test_a_timeout_is_1(self) -> None:
        done = invoke("run", "--timeout", "0.1", "-c", "while True: pass")
        assert done.exit_code == 1
        assert "TimeoutError: the run took longer than its timeout of 0.1 s" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "name one program: a FILE, - for stdin, or -c CODE"),
            (["a.py", "-c", "1"], "name one program: a FILE, - for stdin, or -c CODE"),
            (["missing.py"], "No such file or directory: missing.py"),
            (["."], "Is a directory: ."),
            (["latin.py"], "latin.py is not UTF-8 text (byte 5)"),
            (
                ["program.xyz"],
                "program.xyz has no suffix of a known language (.py, .js, .mjs, .cjs, .ts, .mts, .cts, .tsx); "
                "name one of: python, javascript, typescript",
            ),
            (["-c", "1", "-l", "cobol"], "unknown language 'cobol'; choose one of: python, javascript, typescript"),
            (["-c", "1", "--file", "no.csv"], "--file no.csv: there is no file or folder no.csv"),
            (["-c", "1", "--env", "NAME"], "--env takes NAME=VALUE, not 'NAME'"),
            (["-c", "1", "--env", "=1"], "--env takes NAME=VALUE, not '=1'"),
            (["-c", "1", "--timeout", "-1"], "timeout must be at least 0 seconds, not -1.0"),
            (["-c", "1", "--timeout", "nan"], "timeout must be at least 0 seconds, not nan"),
            (["-c", "1", "--output", "latin.py"], "File exists: latin.py"),
        ],
    )
    def test_misuse_is_2_with_one_line(self, arguments: list[str], message: str) -> None:
        Path("latin.py").write_bytes("x = '\xe9'".encode("latin-1"))
        Path("program.xyz").write_text("1")
        done = invoke("run", *arguments)
        assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"wasm-interp: {message}\n")

    @pytest.mark.parametrize(
        "arguments", [["run", "--nonsense"], ["run", "a", "b"], ["nonsense"], ["run", "--memory", "x"]]
    )
    def test_an_unknown_option_is_2_without_a_traceback(self, arguments: list[str]) -> None:
        done = invoke(*arguments)
        assert done.exit_code == 2
        assert "Error: " in done.stderr
        assert "Traceback" not in done.stderr


class TestFilesInAndOut:
    def test_a_file_comes_in_under_its_name(self) -> None:
        Path("data.csv").write_text("a,b")
        assert invoke("run", "--file", "data.csv", "-c", "open('/workspace/data.csv').read()").stdout == "'a,b'\n"

    @pytest.mark.parametrize(
        ("target", "place"),
        [
            ("other.csv", "/workspace/other.csv"),
            ("/tmp/new/d.csv", "/tmp/new/d.csv"),
            ("sub/", "/workspace/sub/data.csv"),
            ("/tmp", "/tmp/data.csv"),
            ("", "/workspace/data.csv"),
        ],
    )
    def test_a_file_comes_in_where_it_is_asked_to(self, target: str, place: str) -> None:
        Path("data.csv").write_text("here")
        assert invoke("run", "--file", f"data.csv:{target}", "-c", f"open({place!r}).read()").stdout == "'here'\n"

    def test_a_link_comes_in_under_its_own_name(self) -> None:
        Path("data-7.csv").write_text("linked")
        Path("latest.csv").symlink_to("data-7.csv")
        assert invoke("run", "--file", "latest.csv", "-c", "open('latest.csv').read()").stdout == "'linked'\n"

    def test_a_name_with_a_colon_is_a_name_where_there_is_such_a_file(self) -> None:
        Path("a:b").write_text("odd")
        assert invoke("run", "--file", "a:b", "-c", "open('a:b').read()").stdout == "'odd'\n"

    def test_a_folder_comes_in_whole(self) -> None:
        Path("pack/deep").mkdir(parents=True)
        Path("pack/__init__.py").touch()
        Path("pack/deep/value.txt").write_text("7")
        code = "import pack; open('/workspace/pack/deep/value.txt').read()"
        assert invoke("run", "--file", "pack", "-c", code).stdout == "'7'\n"

    def test_new_and_changed_files_go_out_and_others_do_not(self) -> None:
        Path("kept.txt").write_text("kept")
        Path("changed.txt").write_text("before")
        code = (
            "import os; os.makedirs('deep/er'); open('deep/er/new.bin', 'wb').write(b'\\0\\xff')\n"
            "open('changed.txt', 'w').write('after'); open('/tmp/aside', 'w').write('x');"
        )
        done = invoke("run", "--file", "kept.txt", "--file", "changed.txt", "--output", "out", "-c", code)
        assert done.stderr == "wasm-interp: wrote out/changed.txt, out/deep/er/new.bin\n"
        assert Path("out/deep/er/new.bin").read_bytes() == b"\0\xff"
        assert Path("out/changed.txt").read_text() == "after"
        assert not Path("out/kept.txt").exists()

    def test_files_go_out_after_an_error_too(self) -> None:
        done = invoke("run", "--output", "out", "-c", "open('half', 'w').write('done'); 1 / 0")
        assert done.exit_code == 1
        assert Path("out/half").read_text() == "done"

    def test_links_to_files_are_followed_and_others_stay(self) -> None:
        code = (
            "import os; open('/tmp/x', 'w').write('x')\n"
            "os.symlink('/tmp/x', 'l'); os.symlink('/tmp', 'd'); os.symlink('/no', 'n')"
        )
        done = invoke("run", "--output", "out", "-c", code)
        assert done.exit_code == 0
        assert sorted(path.name for path in Path("out").iterdir()) == ["l"]
        assert not Path("out/l").is_symlink()

    def test_a_name_that_leads_out_on_the_host_stays_inside(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("out").mkdir()
        Path("out/door").symlink_to(Path.cwd())
        with Sandbox() as sandbox:
            before = workspace_files(sandbox.files)
            sandbox.files.write("door/escaped", "x")
            assert take_out(sandbox.files, before, Path("out")) == []
        assert (
            capsys.readouterr().err
            == "wasm-interp: /workspace/door/escaped is left inside: its name leads out of out\n"
        )
        assert not Path("escaped").exists()

    def test_nothing_written_is_said(self) -> None:
        assert (
            invoke("run", "--output", "out", "-c", "1").stderr == "wasm-interp: the program wrote nothing to take out\n"
        )

    def test_a_file_past_the_quota_is_misuse(self) -> None:
        Path("big").touch()
        os.truncate("big", Limits().file_bytes + 1)
        done = invoke("run", "--file", "big", "-c", "1")
        assert done.exit_code == 2
        assert (
            done.stderr
            == f"wasm-interp: big has {Limits().file_bytes + 1} bytes; the limit file_bytes is {Limits().file_bytes}\n"
        )


class TestSavedResults:
    def test_each_format_becomes_a_file(self) -> None:
        shown = Shown(
            text="t", html="<p>", svg="<svg/>", png="iVBORw==", json={"ä": [0]}, data={"a": [1]}, markdown="# m"
        )
        saved = save_results([Shown(text="only text"), shown, Shown(latex="$x$")], Path(), [])
        assert [path.name for path in saved] == [
            *("result-1.html", "result-1.png", "result-1.svg", "result-1.md", "result-1.json", "result-1.data.json"),
            "result-2.tex",
        ]
        assert Path("result-1.png").read_bytes() == b"\x89PNG"
        assert Path("result-1.json").read_text("utf-8") == '{"ä": [0]}'

    def test_the_programs_own_files_are_not_overwritten(self) -> None:
        saved = save_results(
            [Shown(html="a"), Shown(svg="b")], Path("."), [Path("result-1.html"), Path("sub/result-2.svg")]
        )
        assert [path.name for path in saved] == ["result-2.html", "result-3.svg"]

    def test_damaged_values_are_left_out(self, capsys: pytest.CaptureFixture[str]) -> None:
        saved = save_results([Shown(png="A", html="\ud800")], Path(), [])
        assert [path.name for path in saved] == ["result-1.html"]
        assert "a result's png is damaged and not saved" in capsys.readouterr().err

    def test_a_figure_goes_out(self) -> None:
        code = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()"
        done = invoke("run", "--output", "out", "-c", code)
        assert done.exit_code == 0
        assert Path("out/result-1.png").read_bytes().startswith(b"\x89PNG")


class TestTheTerminal:
    @pytest.mark.parametrize(
        ("text", "seen"),
        [
            ("plain ü\t\r\n", "plain ü\t\r\n"),
            ("\x1b[1;31mred\x1b[0m\x1b[A\x1b[2K", "\x1b[1;31mred\x1b[0m\x1b[A\x1b[2K"),
            ("\x1b]52;c;aGk=\x07", "\\x1b]52;c;aGk=\\x07"),
            ("\x1b[6n\x1b[c", "\\x1b[6n\\x1b[c"),
            ("\x9b6n\x7f\0", "\\x9b6n\\x7f\\x00"),
        ],
    )
    def test_only_harmless_controls_are_obeyed(self, text: str, seen: str) -> None:
        assert visible(text) == seen

    def test_only_a_terminal_needs_that(self) -> None:
        class Terminal(io.StringIO):
            def isatty(self) -> bool:
                return True

        pipe, terminal = io.StringIO(), Terminal()
        for stream in (pipe, terminal):
            Writer(stream).write("\x1b]0;title\x07")
        assert pipe.getvalue() == "\x1b]0;title\x07"
        assert terminal.getvalue() == "\\x1b]0;title\\x07"

    def test_text_that_the_stream_cannot_write_is_escaped(self) -> None:
        command = [sys.executable, "-m", "wasm_interp", "run", "-c", "print('\\xfc \\ud800')"]
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment)
        assert done.returncode == 0
        assert done.stdout.startswith(b"\\xfc ")


@pytest.mark.skipif(os.name == "nt", reason="signals of another kind")
class TestInterrupts:
    def test_ctrl_c_ends_the_program_and_the_command_says_130(self) -> None:
        command = [sys.executable, "-m", "wasm_interp", "run", "-c", "print('on', flush=True)\nwhile True: pass"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "on\n"
            running.send_signal(2)
            _, stderr = running.communicate(timeout=30)
        assert running.returncode == 130
        assert "KeyboardInterrupt" in stderr

    def test_a_reader_that_goes_away_ends_the_program(self) -> None:
        command = [sys.executable, "-m", "wasm_interp", "run", "--timeout", "inf", "-c", "while True: print('y' * 999)"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            running.stdout.readline()
            running.stdout.close()
            assert running.wait(timeout=30) == 1
            assert running.stderr is not None
            assert running.stderr.read() == ""

    def test_an_interrupted_cell_keeps_what_was_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with Sandbox() as sandbox:
            console = Console(sandbox.create_code_context())
            console.run("kept = 1", 10)

            def interrupted(text: str) -> None:
                os.kill(os.getpid(), 2)

            monkeypatch.setattr(console._stdout, "write", interrupted)
            stopped = console.run("print('now', flush=True)\nwhile True: pass", 30)
            monkeypatch.undo()
            assert stopped.error is not None
            assert stopped.error.name == "KeyboardInterrupt"
            assert console.run("kept", 10).text == "1"

    def test_ctrl_c_at_a_question_stops_the_cell(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Keyboard(io.StringIO):
            def readline(self, size: int = -1, /) -> str:
                os.kill(os.getpid(), 2)
                return "not reached\n"

        monkeypatch.setattr(sys, "stdin", Keyboard())
        with Sandbox() as sandbox:
            console = Console(sandbox.create_code_context())
            stopped = console.run("kept = 1; answer = input()", 10)
            assert stopped.error is not None
            assert stopped.error.name == "KeyboardInterrupt"
            assert console.run("kept, 'answer' in globals()", 10).text == "(1, False)"


class TestTheRepl:
    def session(self, *lines: str) -> Result:
        return invoke("repl", stdin="".join(f"{line}\n" for line in lines))

    def test_cells_build_on_each_other(self) -> None:
        done = self.session("x = 20", "x + 1", "_ * 2")
        assert (done.stdout, done.exit_code) == ("21\n42\n", 0)

    def test_a_block_ends_with_a_blank_line(self) -> None:
        assert self.session("def f(n):", "    return n * 2", "", "f(4)").stdout == "8\n"

    def test_brackets_and_strings_go_on(self) -> None:
        assert self.session("(1,", "2)", "'''a", "b'''").stdout == "(1, 2)\n'a\\nb'\n"

    def test_the_guests_grammar_decides(self) -> None:
        done = self.session(
            "if True:", "    type Pair = tuple[int, int]", "", "Pair", "await __import__('asyncio').sleep(0, 3)"
        )
        assert (done.stdout, done.stderr) == ("Pair\n3\n", "")

    def test_an_error_is_shown_and_the_session_goes_on(self) -> None:
        done = self.session("1 / 0", "1 +", "'on'")
        assert done.stdout == "'on'\n"
        assert "ZeroDivisionError: division by zero\n" in done.stderr
        assert "SyntaxError: invalid syntax" in done.stderr
        assert done.exit_code == 0

    @pytest.mark.parametrize(
        ("line", "status"), [(":quit", 0), (":q", 0), ("exit()", 0), ("import sys; sys.exit(3)", 3), ("exit('bye')", 1)]
    )
    def test_ways_to_leave(self, line: str, status: int) -> None:
        done = self.session("1", line, "2")
        assert (done.stdout, done.exit_code) == ("1\n", status)

    def test_an_interpreter_that_ends_itself_does_not_end_the_session(self) -> None:
        done = self.session("x = 1", "import os; os._exit(4)", "'on'")
        assert (done.stdout, done.exit_code) == ("'on'\n", 0)
        assert done.stderr.startswith("wasm-interp: the program ended its interpreter with status 4; variables are ")
        assert done.stderr.endswith(", files are as written\n")

    def test_an_unknown_command_is_told(self) -> None:
        done = self.session(":help", ":wat")
        assert "Ctrl-C" in done.stdout
        assert done.stderr == "there is no command :wat; :help lists them\n"

    @pytest.mark.parametrize(
        ("language", "typed"),
        [("python", "for i in range(2):\n  print(i)"), ("javascript", "for (const i of [0, 1]) {\nconsole.log(i) }")],
    )
    def test_a_cell_that_the_end_of_input_cuts_off_is_run_as_it_is(self, language: str, typed: str) -> None:
        assert invoke("repl", "-l", language, stdin=typed).stdout == "0\n1\n"

    def test_a_request_is_answered_by_the_next_line(self) -> None:
        assert self.session("x = await host.request('who')", "Ada", "x").stdout == "who? \n'Ada'\n"

    def test_input_is_the_next_line(self) -> None:
        assert self.session("input('? ')", "Ada", "_").stdout == "? \n'Ada'\n'Ada'\n"

    def test_files_come_in(self) -> None:
        Path("data.txt").write_text("in")
        assert invoke("repl", "--file", "data.txt", stdin="open('data.txt').read()\n").stdout == "'in'\n"

    def test_the_question_whether_a_cell_is_complete_leaves_no_trace(self) -> None:
        done = self.session("if 1:", "    pass", "", "1 / 0")
        assert '"<cell 2>"' in done.stderr

    @pytest.mark.parametrize("language", ["javascript", "typescript"])
    @pytest.mark.parametrize(
        ("lines", "shown"),
        [
            (["function f(n) {", "  return n * 2", "}", "f(4)"], "8\n"),
            (["if (true) {", "  'yes'", "}"], "yes\n"),
            (["[1,", "", "2]"], "[ 1, 2 ]\n"),
            (["`a", "", "${[", "1]}`"], "a\n\n1\n"),
            (["/* a comment", "that goes on */ 5"], "5\n"),
            (["'a\\", "b'"], "ab\n"),
            (["{...{a: 1},", "b: 2}"], "{ a: 1, b: 2 }\n"),
            (["for (const x of [1, 2])", "  x"], "2\n"),
            (["const late = async () => {", "  await null; return 3", "}", "await late()"], "3\n"),
            (["class A { x = 1", "}", "new A()"], "A { x: 1 }\n"),
            (["", "  ", "1 +", "1"], "2\n"),
            (["'no end", "1"], "1\n"),
            (["/no end", "2"], "2\n"),
            (["let x = )", "3"], "3\n"),
            (["{", "}", "4"], "{}\n4\n"),
        ],
    )
    def test_statements_of_javascript_go_on_over_lines(self, language: str, lines: list[str], shown: str) -> None:
        done = invoke("repl", "--language", language, stdin="".join(f"{line}\n" for line in lines))
        assert (done.stdout, done.exit_code) == (shown, 0)

    @pytest.mark.parametrize(
        ("lines", "shown"),
        [
            (["interface P {", "  a: number", "}", "const p: P =", "{a: 1}", "p"], "{ a: 1 }\n"),
            (["enum E { A,", "B }", "E.B"], "1\n"),
            (["namespace N {", "export const n = 5", "}", "N.n"], "5\n"),
            (["let x: Array<", "number> = [6]; x"], "[ 6 ]\n"),
            (["/** @jsx h */ const h = (t: string) => t; <b>", "text here", "</b>"], "b\n"),
            (["const y: number", "7"], "7\n"),
        ],
    )
    def test_so_do_those_of_typescript(self, lines: list[str], shown: str) -> None:
        done = invoke("repl", "--language", "typescript", stdin="".join(f"{line}\n" for line in lines))
        assert (done.stdout, done.exit_code) == (shown, 0)

    def test_the_question_is_asked_where_the_program_cannot_answer(self) -> None:
        lines = ["globalThis.isIncomplete = () => true; RegExp.prototype.test = null", "`a", "b`", "_"]
        done = invoke("repl", "--language", "javascript", stdin="".join(f"{line}\n" for line in lines))
        assert done.stdout == "null\na\nb\na\nb\n"

    @pytest.mark.parametrize("language", ["javascript", "typescript"])
    def test_process_exit_leaves(self, language: str) -> None:
        done = invoke("repl", "--language", language, stdin="1\nprocess.exit(3)\n2\n")
        assert (done.stdout, done.exit_code) == ("1\n", 3)


class TestSetup:
    def test_a_second_time_it_only_says_where(self) -> None:
        assert invoke("setup", "--quiet").output == ""
        done = invoke("setup")
        assert done.exit_code == 0
        *ready, cache = done.stdout.splitlines()
        assert ready == ["python: was ready", "javascript: was ready", "typescript: was ready"]
        assert cache.startswith("cache: ")
        assert cache.endswith(" MiB)")

    def test_work_that_fails_is_told_in_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(language: object) -> None:
            raise UsageError("the guest is not installed; run: pip install")

        monkeypatch.setattr(machine, "is_ready", lambda language: False)
        monkeypatch.setattr(machine, "template", fail)
        done = invoke("setup", "--quiet")
        assert (done.exit_code, done.stderr) == (2, "wasm-interp: the guest is not installed; run: pip install\n")

    @pytest.mark.parametrize("command", [["run", "-c", "1"], ["repl"]])
    def test_a_mistake_is_told_before_the_work(self, command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "is_ready", lambda language: pytest.fail("too early"))
        done = invoke(*command, "--file", "missing")
        assert (done.exit_code, done.stderr) == (2, "wasm-interp: --file missing: there is no file or folder missing\n")

    def test_what_had_to_be_made_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "is_ready", lambda language: False)
        monkeypatch.setattr(machine, "template", lambda language: None)
        assert invoke("setup").stdout.startswith("python: made ready in 0 s\n")


class TestInfo:
    def test_as_json(self) -> None:
        facts = json.loads(invoke("info", "--json").stdout)
        assert facts["wasm_interp"] == __version__
        assert facts["wasmtime"].startswith("50.")
        assert facts["packages"]["python"].startswith("3.15.")
        assert facts["packages"]["pandas"]
        assert facts["limits"]["memory_bytes"] == Limits().memory_bytes
        assert facts["cache"]["bytes"] == sum(facts["cache"]["files"].values())
        assert isinstance(facts["ready"]["python"], bool)

    def test_as_text(self) -> None:
        text = invoke("info").stdout
        for part in (
            f"wasm_interp {__version__}",
            "inside: Python 3.15",
            "memory_bytes",
            "1,024.0 MiB",
            "scikit-learn",
        ):
            assert part in text


class TestAsAProcess:
    def test_the_module_is_the_command(self) -> None:
        done = process("run", "-c", "print('hello'); 1 + 1")
        assert (done.stdout, done.stderr, done.returncode) == ("hello\n2\n", "", 0)

    def test_help_names_the_commands(self) -> None:
        done = process("--help")
        assert done.returncode == 0
        assert all(f"\n  {name} " in done.stdout for name in ("run", "repl", "setup", "info"))

    def test_the_package_does_not_import_the_command_line(self) -> None:
        code = "import sys, wasm_interp; print({'typer', 'rich', 'wasm_interp.cli'} & set(sys.modules))"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
        assert done.stdout == "set()\n"


class TestPictures:
    def test_repl_names_the_picture_and_prints_the_table(self) -> None:
        lines = ["import matplotlib.pyplot as plt", "plt.plot([1, 2]);", "plt.plot([2, 1]);"]
        table = ["import pandas as pd", "pd.DataFrame({'a': [1]})"]
        done = invoke("repl", "--output", "pictures", stdin="\n".join([*lines, *table, ""]))
        figure = "<Figure size 640x480 with 1 Axes>"
        first, second = Path("pictures/picture-1.png"), Path("pictures/picture-2.png")
        assert done.stdout == f"{figure} -> {first}\n{figure} -> {second}\n   a\n0  1\n"
        assert first.read_bytes().startswith(b"\x89PNG")
        assert second.read_bytes() != first.read_bytes()

    def test_without_a_folder_they_go_to_a_temporary_one_that_stays(self, tmp_path: Path) -> None:
        folder = PictureFolder(None)
        assert folder.take(Shown(text="t", html="<p>")) is None
        path = folder.take(Shown(svg="<svg/>", png="iVBORw=="))
        assert path is not None
        assert (path.name, path.read_bytes()) == ("picture-1.png", b"\x89PNG")
        assert path.parent.name.startswith("wasm-interp-")

    def test_a_file_that_is_there_is_not_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "picture-1.svg").write_text("mine")
        path = PictureFolder(tmp_path).take(Shown(svg="<svg/>"))
        assert path == tmp_path / "picture-2.svg"
        assert (tmp_path / "picture-1.svg").read_text() == "mine"

    def test_run_names_every_result(self) -> None:
        code = "for n in range(12): display({'text/html': str(n)}, raw=True); open(f'{n:02}.txt', 'w').close()"
        done = invoke("run", "--output", "out", "-c", code)
        results = ", ".join(f"out/result-{n}.html" for n in range(1, 13))
        files = ", ".join(f"out/{n:02}.txt" for n in range(8))
        assert done.stderr == f"wasm-interp: wrote {files}, {results} and 4 more\n"


class TestPackages:
    @pytest.mark.parametrize("command", [["run", "-c", "1"], ["repl"]])
    def test_a_package_that_cannot_be_added_is_named(self, command: list[str]) -> None:
        done = invoke(*command, "--package", "numpy<2")
        assert (done.exit_code, done.stderr) == (
            2,
            "wasm-interp: packages: the sandbox has numpy 2.5.2 built in, so numpy<2 cannot be added\n",
        )
