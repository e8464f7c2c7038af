"""What commands say, read from a file that grows."""

import pytest

from latewood.engine.processes.messages import Log, MessageRefused, Messages, Metadata, Progress


@pytest.fixture
def said(tmp_path):
    return tmp_path / "messages"


def append(path, text):
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(text)


def test_each_message_is_heard_once_and_only_when_its_line_is_finished(said):
    heard = []
    said.touch()
    messages = Messages(said, heard.append)
    append(said, '{"type": "log", "message": "one"}\n\n{"type": "progress", ')
    messages.look()
    assert heard == [Log(message="one")]
    assert messages.unfinished == 'message 3 was left unfinished: {"type": "progress",'
    append(said, '"share": 0.5}\r\n{"type": "metadata", "metadata": {"n": 1}}')
    messages.look()
    messages.look()
    assert heard[1:] == [Progress(share=0.5)]
    messages.finish()
    assert heard[2:] == [Metadata(metadata={"n": 1})]
    assert messages.unfinished == ""


def test_a_file_that_was_written_over_is_noticed(said):
    append(said, '{"type": "log", "message": "one"}\n{"type": "log", "message": "two"}\n')
    messages = Messages(said, lambda _: None)
    messages.look()
    said.write_text('{"type": "log", "message": "three"}\n')
    with pytest.raises(MessageRefused, match=r"message 3: expected to be appended to \(>>\)"):
        messages.look()


def test_other_bytes_than_text_are_refused_and_shown(said):
    said.write_bytes(b'{"type": "log", "message": "\xff"}\n')
    with pytest.raises(MessageRefused, match=r"message 1: expected a JSON object .*\\xff"):
        Messages(said, lambda _: None).look()


def test_a_line_without_end_is_refused_before_it_fills_the_memory(said):
    said.write_bytes(b"x" * (9 << 20))
    with pytest.raises(MessageRefused, match="message 1: expected a line of at most 8,388,608 bytes"):
        Messages(said, lambda _: None).look()
