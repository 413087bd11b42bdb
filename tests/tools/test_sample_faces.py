"""The synthetic faces: names, reproducibility, and signs of age and gender that can be measured in the picture."""

from __future__ import annotations

import errno
import re
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from common.errors import OutputExists, UsageError
from common.tasks import FEMALE, MALE
from lmdb_build.datasets import utkface
from lmdb_build.datasets.options import ReaderOptions
from tools.drawn_faces import beard, features, hair
from tools.drawn_faces.canvas import Canvas, ellipse, smooth
from tools.drawn_faces.person import Person, draw_person
from tools.drawn_faces.shape import shape_of
from tools.sample_faces import contact_sheet, draw_face, main, plan, write_faces

NAME = re.compile(r"(\d{1,3})_([01])_([0-4])_(\d{17})\.jpg\.chip\.jpg")


def people(age: int, gender: int, count: int = 200) -> list[Person]:
    return [draw_person(age, gender, np.random.default_rng(seed)) for seed in range(count)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_face_is_a_200_pixel_bgr_picture() -> None:
    face = draw_face(30, FEMALE, 1)
    assert face.shape == (200, 200, 3)
    assert face.dtype == np.uint8
    assert face.std() > 20  # something is on it


def test_the_same_seed_draws_the_same_face_and_another_seed_another() -> None:
    first = draw_face(40, MALE, 5)
    assert np.array_equal(first, draw_face(40, MALE, 5))
    others = [draw_face(40, MALE, seed) for seed in range(6, 12)]
    assert min(np.abs(first.astype(int) - other).mean() for other in others) > 10


@pytest.mark.parametrize("age", [0, 1, 15, 50, 100, 120])
@pytest.mark.parametrize("gender", [MALE, FEMALE])
def test_every_age_can_be_drawn(age: int, gender: int) -> None:
    assert draw_face(age, gender, 3).shape == (200, 200, 3)


@pytest.mark.parametrize(("age", "gender"), [(-1, 0), (121, 1), (30, 2), (30, -1)])
def test_an_absurd_age_or_gender_is_refused(age: int, gender: int) -> None:
    with pytest.raises(ValueError, match=f"age {age}, gender {gender}"):
        draw_face(age, gender, 0)


def test_every_style_and_beard_is_known_to_the_drawing_and_worn_by_someone() -> None:
    crowd = [person for age in (0, 5, 18, 30, 60) for gender in (0, 1) for person in people(age, gender)]
    assert {person.style for person in crowd} == set(hair.STYLES)
    assert {person.beard for person in crowd} == set(beard.BEARDS)
    assert {person.glasses for person in crowd} == {"", *features.LENSES}


def test_the_plan_has_utkface_names_and_no_two_alike() -> None:
    faces = plan(300, 7)
    for face in faces:
        match = NAME.fullmatch(face.name)
        assert match, face.name
        assert (int(match[1]), int(match[2])) == (face.age, face.gender)
    assert len({NAME.fullmatch(face.name)[4] for face in faces}) == 300  # type: ignore[index]
    assert {face.name.split("_")[2] for face in faces} == set("01234")


def test_ages_are_uneven_with_every_class_present_and_genders_about_equal() -> None:
    faces = plan(1400, 7)
    counts = Counter(min(face.age // 10, 8) for face in faces)
    assert sorted(counts) == list(range(9))
    assert max(counts, key=lambda label: counts[label]) == 2
    assert 0.04 <= min(counts.values()) / 1400 <= 0.055
    assert max(face.age for face in faces) <= 100
    assert 0.48 < sum(face.gender for face in faces) / 1400 < 0.52
    for label in range(9):  # and within each class too, or gender would tell the age
        assert 0.4 < np.mean([face.gender for face in faces if min(face.age // 10, 8) == label]) < 0.6


@pytest.mark.parametrize("count", [1, 5, 9, 10, 23, 100])
def test_a_plan_has_as_many_faces_as_asked_for(count: int) -> None:
    faces = plan(count, 1)
    assert len(faces) == count
    if count >= 9:
        assert {min(face.age // 10, 8) for face in faces} == set(range(9))


def test_the_dataset_reader_takes_every_face(tmp_path: Path) -> None:
    write_faces(tmp_path / "faces", 20, 5)
    found = utkface.read(tmp_path / "faces", ReaderOptions())
    samples, left_out = found.samples, found.left_out
    assert not left_out
    assert sorted((s.labels["years"], s.labels["gender"]) for s in samples) == sorted(
        (face.age, face.gender) for face in plan(20, 5)
    )


def test_faces_are_written_the_same_twice_and_read_as_drawn(tmp_path: Path) -> None:
    first, second = write_faces(tmp_path / "a", 12, 3), write_faces(tmp_path / "b", 12, 3)
    assert names(tmp_path) == ["a", "b"]
    assert sorted(path.name for path in first) == names(tmp_path / "a")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    drawn = {face.name: draw_face(face.age, face.gender, face.seed) for face in plan(12, 3)}
    for path in first:
        picture = cv2.imread(str(path))
        assert np.abs(picture.astype(int) - drawn[path.name]).mean() < 4  # JPEG's loss, no more


def test_several_processes_write_what_one_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = write_faces(tmp_path / "alone", 10, 4)
    monkeypatch.setattr("tools.sample_faces.FEW", 0)
    monkeypatch.setattr("tools.sample_faces.cores", lambda: 2)
    together = write_faces(tmp_path / "together", 10, 4)
    assert [path.read_bytes() for path in alone] == [path.read_bytes() for path in together]


def test_a_machine_without_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /dev/shm cannot be written there are no semaphores, and so no other processes."""

    def refused(*_: object, ctx: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("multiprocessing.synchronize.SemLock.__init__", refused)
    monkeypatch.setattr("tools.sample_faces.FEW", 0)
    monkeypatch.setattr("tools.sample_faces.cores", lambda: 2)
    assert len(write_faces(tmp_path / "faces", 3, 4)) == len(names(tmp_path / "faces")) == 3


def test_only_a_set_of_the_same_seed_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    write_faces(folder, 3, 1)
    before = names(folder)
    with pytest.raises(OutputExists, match="--force"):
        write_faces(folder, 2, 1)
    for change in ("mine.txt", "30_1_2_20170101000000000.jpg.chip.jpg"):
        (folder / change).write_text("mine")
        with pytest.raises(OutputExists, match="did not write"):
            write_faces(folder, 2, 1, force=True)
        (folder / change).unlink()
    with pytest.raises(OutputExists, match="did not write"):
        write_faces(folder, 2, 2, force=True)
    assert names(folder) == before
    write_faces(folder, 2, 1, force=True)
    assert len(names(folder)) == 2


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("tools.sample_faces.draw_face", broken)
    with pytest.raises(RuntimeError, match="broken"):
        write_faces(tmp_path / "faces", 2, 1)
    assert names(tmp_path) == []


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--out", str(tmp_path / "faces"), "--count", "3", "--seed", "2"])
    assert "3 synthetic faces, 200 x 200" in capsys.readouterr().out
    assert len(names(tmp_path / "faces")) == 3
    main(["--sheet", str(tmp_path / "sheet.png")])
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == contact_sheet().shape
    for wrong in (["--count", "0"], ["--count", "-4"], ["--seed", "-1"]):
        with pytest.raises(UsageError, match=wrong[0]):
            main(["--out", str(tmp_path / "more"), *wrong])
    assert not (tmp_path / "more").exists()


# -- signs of age and gender, in the traits and in the pixels ----------------------------------------------------


def test_traits_follow_age_but_not_strictly() -> None:
    young, middle, old = people(25, MALE), people(50, MALE), people(78, MALE)
    for trait in ("wrinkles", "sag", "grey", "recede"):
        low, mid, high = (np.array([getattr(person, trait) for person in group]) for group in (young, middle, old))
        assert low.mean() < mid.mean() < high.mean(), trait
        assert mid.std() > 0.02, trait  # people differ
    looks = np.array([person.looks for person in middle])
    assert abs(looks.mean() - 50) < 1
    assert 1 < looks.std() < 5


def test_signs_of_gender_overlap() -> None:
    women, men = people(30, FEMALE), people(30, MALE)
    long = [np.mean([person.style in ("long", "wavy", "bob", "bun", "ponytail") for person in g]) for g in (men, women)]
    assert 0.02 < long[0] < 0.25 < 0.6 < long[1] < 0.95
    assert not any(person.beard for person in women)
    assert 0.3 < np.mean([person.beard != "" for person in men]) < 0.8
    soft = [np.array([person.feminine for person in group]) for group in (men, women)]
    assert soft[0].mean() < 0.35 < 0.65 < soft[1].mean()
    assert soft[0].max() > soft[1].min()


def test_babies_of_both_genders_are_nearly_alike() -> None:
    gap = [
        np.mean([p.feminine for p in people(age, 1)]) - np.mean([p.feminine for p in people(age, 0)]) for age in (1, 30)
    ]
    assert gap[0] < 0.35 * gap[1]


def test_children_have_lower_larger_eyes_and_a_shorter_face() -> None:
    child, grown = shape_of(people(1, FEMALE)[0]), shape_of(people(30, FEMALE)[0])
    assert child.eye_y > grown.eye_y + 0.1
    assert child.eye_h > grown.eye_h
    assert child.chin_y < grown.chin_y - 0.15


def mean_region(age: int, gender: int, region: tuple[slice, slice], count: int = 12) -> np.ndarray:
    return np.array([draw_face(age, gender, seed)[region].mean() for seed in range(count)])


def test_old_hair_is_lighter() -> None:
    crown = (slice(38, 52), slice(85, 115))
    assert mean_region(82, FEMALE, crown).mean() > mean_region(25, FEMALE, crown).mean() + 30


def test_old_skin_has_more_edges() -> None:
    def edges(age: int) -> float:
        faces = [draw_face(age, FEMALE, seed)[95:165, 65:135] for seed in range(10)]
        smoothed = [cv2.GaussianBlur(face, (0, 0), 1.2).astype(np.float32) for face in faces]
        return float(np.mean([np.abs(cv2.Laplacian(face, cv2.CV_32F)).mean() for face in smoothed]))

    assert edges(85) > 1.15 * edges(25)


def test_more_women_have_hair_beside_the_neck() -> None:
    """Seen by what differs from the wall at the picture's edge, left and right of the jaw."""

    def covered(gender: int) -> float:
        shares = []
        for seed in range(18):
            band = draw_face(28, gender, seed)[140:150].astype(int)
            for beside, wall in ((44, 4), (148, 188)):
                shares.append(np.abs(band[:, beside : beside + 8] - band[:, wall : wall + 8]).mean() > 30)
        return float(np.mean(shares))

    assert covered(FEMALE) > covered(MALE) + 0.25


# -- the canvas ---------------------------------------------------------------------------------------------------


def test_a_curve_goes_through_its_points() -> None:
    points = np.array([(0.0, 0.0), (1.0, 2.0), (3.0, 1.0), (4.0, 4.0)])
    curve = smooth(points, per=5)
    assert np.allclose(curve[::5], points)
    assert np.allclose(smooth(points, closed=True, per=5)[::5], points)


def test_turning_the_head_moves_the_nose_and_leaves_the_shoulders() -> None:
    ahead, turned = (Canvas(yaw, 0.0, 0.0, 50.0, (0.0, 0.0)) for yaw in (0.0, 0.3))
    middle = [(0.0, 0.5)]
    assert turned.face(middle)[0, 0] > ahead.face(middle)[0, 0] + 10
    assert np.array_equal(turned.body(middle), ahead.body(middle))
    assert np.allclose(ahead.face(middle), ahead.body(middle))


@pytest.mark.parametrize("centre", [(0.0, 0.0), (2.0, 2.0), (-2.1, 0.0), (9.0, 9.0)])
def test_paint_mixes_colours_inside_and_nothing_outside(centre: tuple[float, float]) -> None:
    canvas = Canvas(0.0, 0.0, 0.0, 50.0, (0.0, 0.0))
    canvas.image[:] = 100
    disc = canvas.flat(ellipse(*centre, 0.3, 0.3))
    canvas.paint(disc, (200.0, 200.0, 200.0), 0.5, clip=canvas.flat(ellipse(0.0, 0.0, 5.0, 5.0)))
    inside = (disc > 0).all() and (disc < canvas.side).all()
    x, y = (round(value) for value in disc.mean(axis=0))
    if inside:
        assert abs(int(canvas.image[y, x, 0]) - 150) <= 2
    assert canvas.image.max() <= 152
    assert (canvas.image == 100).sum() > 0.9 * canvas.image.size
