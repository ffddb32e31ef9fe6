from alframe.tracking.reading_lines import ReadingLines


def test_a_line_comes_every_half_minute():
    times = iter([0, 10, 31, 40, 62, 70])
    lines = ReadingLines(clock=lambda: next(times))
    told = [lines.lines("read", done, 100) for done in (1, 11, 32, 41, 63, 100)]
    assert [line for each in told for line in each] == [
        "  read 32 of 100 images, 1.0 a second, 1 min 08 s left",
        "  read 63 of 100 images, 1.0 a second, 37.0 s left",
    ]
    assert [len(each) for each in told] == [0, 0, 1, 0, 1, 0]


def test_another_stage_begins_anew():
    times = iter([0, 10, 15, 46])
    lines = ReadingLines(clock=lambda: next(times))
    assert not [*lines.lines("read", 1, 9), *lines.lines("read", 9, 9), *lines.lines("encode", 32, 900)]
    assert lines.lines("encode", 94, 900) == ["  encoded 94 of 900 images, 2.0 a second, 6 min 43 s left"]
