from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from caffe_io.errors import DatabaseError
from common.errors import OutputExists, UsageError
from kits.commands import environment
from kits.lmdb_build import command, picture, records, snapshot, truncate, verb, write_picture
from lmdb_build.errors import ListError, LmdbBuildError

main = verb("convert_imageset")


def write_list(folder: Path, lines: list[str]) -> None:
    (folder / "list.txt").write_text("".join(f"{line}\n" for line in lines))


def write_set(folder: Path, count: int = 5, **size: int) -> list[str]:
    for number in range(count):
        write_picture(folder / "pictures" / f"{number}.png", number, **size)
    lines = [f"pictures/{number}.png {number % 3}" for number in range(count)]
    write_list(folder, lines)
    return lines


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("pictures", "list.txt"))


def test_records_keys_and_order(working_folder: Path) -> None:
    write_set(working_folder)
    main(["./", "list.txt", "data/lmdb/x_lmdb"])
    found = records(working_folder / "data/lmdb/x_lmdb")
    assert [key for key, _ in found] == [f"{number:08d}_pictures/{number}.png" for number in range(5)]
    for number, (_, datum) in enumerate(found):
        assert (datum.channels, datum.height, datum.width, datum.label) == (3, 24, 20, number % 3)
        assert datum.data == picture(number).transpose(2, 0, 1).tobytes()


def test_resize_as_opencv_stretches(working_folder: Path) -> None:
    write_set(working_folder, 2)
    main(["--resize_height=9", "--resize_width=31", "./", "list.txt", "x_lmdb"])
    for number, (_, datum) in enumerate(records(working_folder / "x_lmdb")):
        assert datum.data == cv2.resize(picture(number), (31, 9)).transpose(2, 0, 1).tobytes()


def test_gray(working_folder: Path) -> None:
    write_set(working_folder, 1)
    main(["--gray", "./", "list.txt", "x_lmdb"])
    ((_, datum),) = records(working_folder / "x_lmdb")
    assert (datum.channels, datum.data) == (1, cv2.imread("pictures/0.png", cv2.IMREAD_GRAYSCALE).tobytes())


def test_shuffle_is_seeded_and_the_index_counts_after_it(working_folder: Path) -> None:
    write_set(working_folder, 30)
    for name, seed in (("a", []), ("b", ["--seed=0"]), ("c", ["--seed=1"])):
        main(["--shuffle", *seed, "./", "list.txt", name])
    a, b, c = ([key for key, _ in records(working_folder / name)] for name in "abc")
    assert a == b != c
    assert [key[:8] for key in a] == [f"{index:08d}" for index in range(30)]
    assert (
        sorted(key[9:] for key in a) == sorted(key[9:] for key in c) == sorted(f"pictures/{n}.png" for n in range(30))
    )
    assert [key[9:] for key in a] != [f"pictures/{n}.png" for n in range(30)]
    for key, datum in records(working_folder / "a"):
        assert datum.label == int(key[9:].removeprefix("pictures/").removesuffix(".png")) % 3


def test_spaces_in_paths_and_a_root_without_a_slash(working_folder: Path) -> None:
    write_picture(working_folder / "my faces" / "a b.png")
    (working_folder / "list.txt").write_text("a b.png 1\n")
    main(["my faces", "list.txt", "x_lmdb"])
    assert [key for key, _ in records(working_folder / "x_lmdb")] == ["00000000_a b.png"]


def test_encoded_keeps_the_files(working_folder: Path) -> None:
    write_set(working_folder, 2)
    main(["--encoded", "--check_size", "./", "list.txt", "x_lmdb"])  # Caffe's --check_size cannot do this
    for number, (_, datum) in enumerate(records(working_folder / "x_lmdb")):
        assert datum.data == (working_folder / f"pictures/{number}.png").read_bytes()


def test_unreadable_pictures_are_skipped_named_and_keep_their_index(
    working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(working_folder, 2)
    write_picture(working_folder / "pictures/whole.jpg")
    truncate(write_picture(working_folder / "pictures/cut.jpg"), 0.9)
    (working_folder / "pictures/empty.jpg").touch()
    (working_folder / "pictures/text.jpg").write_text("no picture")
    names = ["cut.jpg", "0.png", "gone.jpg", "empty.jpg", "1.png", "text.jpg", "whole.jpg"]
    write_list(working_folder, [f"pictures/{name} 1" for name in names])
    main(["./", "list.txt", "x_lmdb"])
    assert [key for key, _ in records(working_folder / "x_lmdb")] == [
        "00000001_pictures/0.png",
        "00000004_pictures/1.png",
        "00000006_pictures/whole.jpg",
    ]
    out, err = capsys.readouterr()
    assert "3 records from list.txt, 4 pictures skipped" in out
    skipped = [line for line in err.splitlines() if line.startswith("skipped: ./pictures/")]
    assert [line.split(": ")[1][len("./pictures/") :] for line in skipped] == [
        "cut.jpg",
        "gone.jpg",
        "empty.jpg",
        "text.jpg",
    ]
    assert "truncated" in skipped[0]
    assert "no such file" in skipped[1]


def test_none_readable_is_an_error_and_leaves_nothing(working_folder: Path) -> None:
    write_list(working_folder, ["gone.jpg 0", "gone2.jpg 1"])
    with pytest.raises(LmdbBuildError, match=r"none of the 2 pictures.*\./gone\.jpg"):
        main(["./", "list.txt", "x_lmdb"])
    assert left_behind(working_folder) == []


@pytest.mark.parametrize("flags", [[], ["--check_size"], ["--encoded"], ["--gray"]])
def test_mixed_sizes_name_the_first_offender_and_both_sizes(working_folder: Path, flags: list[str]) -> None:
    write_set(working_folder, 3)
    for name, height in (("tall", 30), ("taller", 40)):
        write_picture(working_folder / "pictures" / f"{name}.png", height=height)
    write_list(working_folder, [f"pictures/{name}.png 0" for name in ("0", "1", "tall", "taller", "2")])
    with pytest.raises(LmdbBuildError, match=r"tall\.png: is 30x20 .* 24x20; .*pictures/0\.png.*--resize_height"):
        main([*flags, "./", "list.txt", "x_lmdb"])
    assert left_behind(working_folder) == []
    main([*flags, "--resize_height=8", "--resize_width=8", "./", "list.txt", "x_lmdb"])
    assert len(records(working_folder / "x_lmdb")) == 5


def test_odd_pictures_in_one_set(working_folder: Path) -> None:
    (working_folder / "pictures").mkdir()
    names = {
        "pixel.png": np.full((1, 1, 3), 200, np.uint8),
        "deep.png": picture().astype(np.uint16) << 8,
        "grey.png": picture(channels=1),
        "clear.png": picture(channels=4),
    }
    for name, array in names.items():
        cv2.imwrite(str(working_folder / "pictures" / name), array)
    write_list(working_folder, [f"pictures/{name} 0" for name in names])
    main(["--resize_height=24", "--resize_width=20", "./", "list.txt", "x_lmdb"])
    data = {
        key[18:]: np.frombuffer(datum.data, np.uint8).reshape(3, 24, 20)
        for key, datum in records(working_folder / "x_lmdb")
    }
    assert (data["pixel.png"] == 200).all()
    assert np.array_equal(data["deep.png"], picture().transpose(2, 0, 1))
    assert (data["grey.png"] == picture(channels=1)).all()
    assert np.array_equal(data["clear.png"], picture(channels=4)[..., :3].transpose(2, 0, 1))


def test_an_existing_database_is_kept_unless_forced(working_folder: Path) -> None:
    write_set(working_folder)
    main(["./", "list.txt", "x_lmdb"])
    before = snapshot(working_folder / "x_lmdb")
    with pytest.raises(OutputExists, match="--force"):
        main(["./", "list.txt", "x_lmdb"])
    assert snapshot(working_folder / "x_lmdb") == before
    write_list(working_folder, ["gone.jpg 0"])
    with pytest.raises(LmdbBuildError):
        main(["--force", "./", "list.txt", "x_lmdb"])
    assert snapshot(working_folder / "x_lmdb") == before, "a failed run keeps the old one"
    write_set(working_folder, 2)
    main(["--force", "./", "list.txt", "x_lmdb"])
    assert len(records(working_folder / "x_lmdb")) == 2
    assert left_behind(working_folder) == ["x_lmdb"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--backend=hdf5"], r"--backend: invalid choice: 'hdf5' \(choose from '?lmdb'?, '?leveldb'?"),
        (["--resize_height=8"], "give both"),
        (["--resize_width=8"], "give both"),
        (["--resize_width=-8", "--resize_height=-8"], "give both"),
    ],
)
def test_flags_that_do_not_go_together(working_folder: Path, flags: list[str], message: str) -> None:
    write_set(working_folder)
    with pytest.raises(UsageError, match=message):
        main([*flags, "./", "list.txt", "x_lmdb"])
    assert left_behind(working_folder) == []


def test_a_bad_list_leaves_nothing(working_folder: Path) -> None:
    write_set(working_folder, 2)
    with (working_folder / "list.txt").open("a") as file:
        file.write("pictures/0.png minus\n")
    with pytest.raises(ListError, match=r"list\.txt, line 3"):
        main(["./", "list.txt", "x_lmdb"])
    assert left_behind(working_folder) == []


def test_a_path_longer_than_a_key(working_folder: Path) -> None:
    folder = "/".join(["pictures", "d" * 200, "e" * 200, "f" * 100])
    write_picture(working_folder / folder / "x.png")
    write_list(working_folder, [f"{folder}/x.png 0"])
    with pytest.raises(DatabaseError, match="511"):
        main(["./", "list.txt", "x_lmdb"])
    assert left_behind(working_folder) == []
    write_list(working_folder, ["x.png 0"])
    main([folder, "list.txt", "x_lmdb"])


def test_the_map_grows_past_its_first_size(working_folder: Path) -> None:
    write_picture(working_folder / "pictures/big.png", height=1500, width=1500)  # 6.75 MB raw; the first map is 64 MB
    write_list(working_folder, ["pictures/big.png 0"] * 15)
    main(["./", "list.txt", "x_lmdb"])
    assert len(records(working_folder / "x_lmdb")) == 15


def test_an_error_is_one_line_and_an_exit_code(working_folder: Path) -> None:
    write_set(working_folder)
    good = command("convert_imageset", "./", "list.txt", "x_lmdb", folder=working_folder)
    assert (good.returncode, good.stdout) == (0, "x_lmdb: 5 records from list.txt, 0 pictures skipped\n")
    again = command("convert_imageset", "./", "list.txt", "x_lmdb", folder=working_folder)
    assert (again.returncode, len(again.stderr.splitlines())) == (2, 1)
    assert again.stderr.startswith("error: x_lmdb: already there")
    missing = command("convert_imageset", "./", "none.txt", "y_lmdb", folder=working_folder)
    assert missing.returncode == 1
    assert "Traceback" not in missing.stderr
    assert (
        "Traceback" in command("convert_imageset", "--debug", "./", "none.txt", "y_lmdb", folder=working_folder).stderr
    )


def test_a_full_disk_leaves_nothing(working_folder: Path) -> None:
    if not shutil.which("unshare"):
        pytest.skip("needs unshare, to mount a small disk without root")
    (working_folder / "disk").mkdir()
    script = 'mount -t tmpfs -o size=3m small disk && "$@"; code=$?; ls -A disk; exit $code'
    write_picture(working_folder / "pictures/big.png", height=600, width=600)
    write_list(working_folder, ["pictures/big.png 0"] * 10)
    arguments = [sys.executable, "-m", "lmdb_build", "convert_imageset", "./", "list.txt", "disk/x_lmdb"]
    run = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    if "unshare" in run.stderr or "mount" in run.stderr:
        pytest.skip(f"this machine lets nobody mount a small disk: {run.stderr.strip()}")
    assert run.returncode == 1
    assert "disk/x_lmdb" in run.stderr
    assert "Free some space" in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == "", "nothing is left on the disk"


def test_a_write_that_fails_leaves_nothing(working_folder: Path) -> None:
    write_picture(working_folder / "pictures/big.png", height=600, width=600)
    write_list(working_folder, ["pictures/big.png 0"] * 10)

    def no_large_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))

    run = command("convert_imageset", "./", "list.txt", "x_lmdb", folder=working_folder, preexec_fn=no_large_files)
    assert run.returncode == 1
    assert run.stderr.startswith("error: x_lmdb: ")
    assert len(run.stderr.splitlines()) == 1
    assert left_behind(working_folder) == []


def test_ctrl_c_leaves_nothing(working_folder: Path) -> None:
    write_picture(working_folder / "pictures/0.png", height=100, width=100)
    write_list(working_folder, ["pictures/0.png 0"] * 30_000)
    run = subprocess.Popen(
        [sys.executable, "-m", "lmdb_build", "convert_imageset", "./", "list.txt", "x_lmdb"],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stderr is not None
    assert run.stderr.readline() == "converted: 1000 of 30000\n"
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=60)[1].splitlines()[-1] == "stopped"
    assert run.returncode == 130
    assert left_behind(working_folder) == []


@pytest.mark.slow
def test_memory_stays_flat(working_folder: Path) -> None:
    """Measures private memory. The part of the file that LMDB maps grows with it, but belongs to the system's cache."""
    write_picture(working_folder / "pictures/0.png", height=64, width=64)
    code = """
import sys, threading
from lmdb_build.__main__ import ROOM
peak, done = 0, threading.Event()
def watch():
    global peak
    while not done.wait(0.005):
        with open("/proc/self/status") as status:
            peak = max(peak, *(int(line.split()[1]) for line in status if line.startswith("RssAnon")))
watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
try:
    ROOM.main(["convert_imageset", "--resize_height=227", "--resize_width=227", "./", "list.txt", sys.argv[1]])
finally:
    done.set()
    watcher.join()
print(peak)
"""
    if not Path("/proc/self/status").exists():
        pytest.skip("needs Linux's /proc")
    peaks = []
    for count in (500, 4000):
        write_list(working_folder, ["pictures/0.png 0"] * count)
        run = subprocess.run(
            [sys.executable, "-c", code, f"x{count}_lmdb"],
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(run.stdout.splitlines()[-1]) / 1024)
    few, many = peaks
    assert many < few + 30, f"{few:.0f} MB at 500 pictures, {many:.0f} MB at 4,000 (620 MB of pixels)"
    with lmdb.open("x4000_lmdb", readonly=True, lock=False) as database:
        assert database.stat()["entries"] == 4000
