"""Perceptual hashes of pictures the tests make, and which of them are one object."""

from __future__ import annotations

import io
import json
from typing import Any

import mediakit as kit
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from graph.errors import InputError
from ingest.media import NEAR, QUALITY, SHARES, VARIANTS, MediaHash, hash_picture
from ingest.media_objects import Words, group, near_pairs, object_ids


def hashed(picture: Image.Image | bytes, container: str = "png", **options: Any) -> MediaHash:
    data = picture if isinstance(picture, bytes) else kit.saved(picture, container, **options)
    return hash_picture(io.BytesIO(data))


def apart(a: MediaHash, b: MediaHash) -> int:
    """Bits between two pictures, as they are."""
    return int(np.bitwise_count(a.words[0] ^ b.words[0]).sum())


def cut(picture: Image.Image, share: float) -> Image.Image:
    """What is left around the centre."""
    wide, high = (round(side * (1 - share) / 2) for side in picture.size)
    return picture.crop((wide, high, picture.width - wide, picture.height - high))


def same(*pictures: MediaHash) -> list[int]:
    """The leader of each picture."""
    return group(np.stack([p.words for p in pictures])).tolist()


SCENES = [kit.scene(seed) for seed in range(8)]
HASHES = [hashed(scene) for scene in SCENES]


def test_the_hash_stays_what_it_was() -> None:
    """Stored hashes have to mean the same with every later version of the libraries."""
    place = np.add.outer(np.arange(256), np.arange(256))
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    found = hashed(Image.fromarray(np.where((place // 32) % 2, ramp, ramp.T)).convert("RGB"))
    assert found.plain()["pdq"] == "d5aa002ad5aa502af5aa502affaa542a55ffff000075ff50007dff54007dff54"
    assert found.quality == 100


def test_variants_are_the_hashes_of_pictures_so_changed() -> None:
    assert len(VARIANTS) == 2 * len(SHARES) == HASHES[0].words.shape[0]
    for number, share in enumerate(SHARES):
        straight, turned = hashed(cut(SCENES[0], share)), hashed(ImageOps.mirror(cut(SCENES[0], share)))
        assert np.bitwise_count(straight.words[0] ^ HASHES[0].words[number]).sum() <= 4
        assert np.bitwise_count(turned.words[0] ^ HASHES[0].words[number + len(SHARES)]).sum() <= 4
    assert list(HASHES[0].plain()["variants"]) == list(VARIANTS[1:])


@pytest.mark.parametrize(
    "change",
    [
        lambda p: kit.saved(p, "jpeg", quality=30),
        lambda p: kit.saved(p, "webp", quality=50),
        lambda p: kit.saved(p.resize((200, 150)), "jpeg"),
        lambda p: kit.saved(p.resize((1000, 750)), "jpeg"),
        lambda p: kit.saved(p.convert("L"), "png"),
        lambda p: kit.saved(p.quantize(64), "png"),
        lambda p: kit.saved(p.convert("CMYK"), "jpeg", quality=95),
        lambda p: kit.saved(ImageEnhance.Brightness(p).enhance(0.7), "png"),
        lambda p: kit.saved(ImageEnhance.Contrast(p).enhance(1.3), "jpeg"),
        lambda p: kit.saved(cut(p, 0.98), "png"),
    ],
)
def test_a_copy_of_another_making_is_near_as_it_is(change: Any) -> None:
    for scene, found in zip(SCENES, HASHES, strict=True):
        assert apart(hashed(change(scene)), found) <= NEAR


@pytest.mark.parametrize(
    "change",
    [
        ImageOps.mirror,
        *(lambda p, s=share: cut(p, s) for share in (0.95, 0.93, 0.91, 0.90)),
        lambda p: ImageOps.mirror(cut(p, 0.95)).resize((300, 225)),
    ],
)
def test_a_mirrored_or_cut_copy_is_far_for_pdq_and_the_same_object(change: Any) -> None:
    for scene, found in zip(SCENES, HASHES, strict=True):
        copy = hashed(change(scene), "jpeg", quality=80)
        assert apart(copy, found) > NEAR
        assert same(found, copy) == same(copy, found) == [0, 0]


def test_different_pictures_are_different_objects() -> None:
    assert same(*HASHES) == list(range(len(HASHES)))
    assert all(h.usable for h in HASHES)


def test_a_picture_with_nothing_to_see_is_not_usable() -> None:
    flat = hashed(Image.new("RGB", (300, 200), "white"))
    assert flat.quality < QUALITY
    assert not flat.usable
    assert flat.plain()["usable"] is False


def test_it_is_hashed_as_people_see_it() -> None:
    scene, found = SCENES[0], HASHES[0]
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to be seen upright
    lying = scene.transpose(Image.Transpose.ROTATE_90)
    assert apart(hashed(lying, "jpeg", exif=exif, quality=95), found) <= 8
    assert apart(hashed(lying), found) > NEAR
    # broken EXIF hides nothing
    assert apart(hashed(scene, "jpeg", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff", quality=95), found) <= 8
    # colours under full transparency are not seen
    hidden = np.concatenate([np.asarray(scene), np.zeros((*scene.size[::-1], 1), np.uint8)], axis=2)
    assert not hashed(Image.fromarray(hidden)).usable
    grey = np.asarray(scene.convert("L")).astype(np.uint16) * 257
    assert apart(hashed(Image.fromarray(grey)), found) <= 8
    film = io.BytesIO()
    scene.save(film, "WEBP", save_all=True, append_images=SCENES[1:3], quality=95)
    assert apart(hashed(film.getvalue()), found) <= 8


def test_a_large_picture_is_hashed_small() -> None:
    large = SCENES[1].resize((2400, 1800), Image.Resampling.BICUBIC)
    for container in ("jpeg", "png"):
        assert apart(hashed(large, container), HASHES[1]) <= NEAR // 2


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "pixels cannot be decoded"),
        (kit.saved(Image.new("RGB", (31, 400)), "png"), "a picture of 31 x 400; 32 are the least a side"),
        (kit.saved(SCENES[0], "jpeg")[:3000], "pixels cannot be decoded"),
        (kit.saved(SCENES[0], "gif"), "pixels cannot be decoded"),
    ],
)
def test_what_has_no_hash_says_why(data: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        hashed(data)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2000), st.binary(max_size=30), st.integers(0, 4000))
def test_mutated_pictures_are_hashed_or_refused(at: int, put: bytes, size: int) -> None:
    for container in kit.PICTURES:
        data = bytearray(SMALL[container])
        data[at : at + len(put)] = put
        try:
            found = hashed(bytes(data[: max(size, 20)]))
        except InputError:
            continue
        assert found.words.shape == (len(VARIANTS), 4)


SMALL = {c: kit.saved(kit.scene(5, 64, 48), c) for c in kit.PICTURES}

# which are one object


def flipped(words: Words, bits: int, rng: np.random.Generator) -> Words:
    """A hash with so many bits changed."""
    places = rng.choice(256, bits, replace=False)
    mask = np.zeros(4, np.uint64)
    for place in places:
        mask[place // 64] ^= np.uint64(1) << np.uint64(place % 64)
    return words ^ mask


def random_words(rng: np.random.Generator, *shape: int) -> Words:
    return rng.integers(0, 2**64, (*shape, 4), dtype=np.uint64)


@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(1, 40), st.integers(0, 256))
def test_near_pairs_are_all_and_only_those_within_reach(seed: int, n: int, m: int, spread: int) -> None:
    rng = np.random.default_rng(seed)
    targets = random_words(rng, m)
    queries = np.array(
        [
            flipped(targets[rng.integers(m)], min(int(rng.integers(NEAR - 3, NEAR + 4)) + spread % 2, 256), rng)
            for _ in range(n)
        ],
        dtype=np.uint64,
    ).reshape(n, 4)
    found = list(zip(*(side.tolist() for side in near_pairs(queries, targets)), strict=True))
    bits = np.bitwise_count(queries[:, None] ^ targets[None]).sum(axis=2)
    assert found == [(int(q), int(t)) for q, t in np.argwhere(bits <= NEAR)]


def test_none_is_missed_where_bits_lie_as_badly_as_they_can() -> None:
    rng = np.random.default_rng(1)
    word = random_words(rng, 1)
    # two bits in each of fifteen bands and one in the last: 31; and two in every band: 32
    worst = np.zeros(16, np.uint16)
    worst[:] = 0b11
    worst[7] = 0b1
    for bands, near in ((worst, 1), (np.full(16, 0b11, np.uint16), 0)):
        query = word ^ bands.view(np.uint64)
        assert len(near_pairs(query, word)[0]) == near


def by_definition(variants: Words, led: int) -> list[int]:
    """Picture by picture: the first leader it is near to, or itself."""
    leaders, given_ = list(range(led)), list(range(led))
    for row in range(led, len(variants)):
        for leader in leaders:
            ours = np.bitwise_count(variants[row] ^ variants[leader, 0]).sum(axis=1)
            theirs = np.bitwise_count(variants[row, 0] ^ variants[leader]).sum(axis=1)
            if min(ours.min(), theirs.min()) <= NEAR:
                given_.append(leader)
                break
        else:
            given_.append(row)
            leaders.append(row)
    return given_


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 3), st.integers(1, 9))
def test_groups_are_those_of_the_definition_however_they_are_cut(seed: int, n: int, led: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    variants = random_words(rng, n, 3)
    for row in range(1, n):
        if rng.random() < 0.8:  # near another one, in one of the variants, just or just not
            other = variants[rng.integers(row)]
            variants[row, rng.integers(3)] = flipped(other[rng.integers(3)], int(rng.integers(0, NEAR + 3)), rng)
        if rng.random() < 0.2:
            variants[row] = variants[rng.integers(row)]
    led = min(led, n)
    if by_definition(variants[:led], 0) != list(range(led)):
        led = 0  # leaders are not near to one another
    expected = by_definition(variants, led)
    assert group(variants, led).tolist() == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingest.media_objects._BLOCK", block)
        patch.setattr("ingest.media_objects._CANDIDATES", 7)
        assert group(variants, led).tolist() == expected


def test_leaders_keep_their_pictures_when_more_come() -> None:
    first = [*HASHES[:4], hashed(ImageOps.mirror(SCENES[1]))]
    leaders = sorted(set(same(*first)))
    assert leaders == [0, 1, 2, 3]
    later = [hashed(cut(SCENES[2], 0.95)), HASHES[7], hashed(ImageOps.mirror(SCENES[7]))]
    words = np.stack([first[k].words for k in leaders] + [p.words for p in later])
    assert group(words, led=len(leaders)).tolist() == [0, 1, 2, 3, 2, 5, 5]
    assert group(np.empty((0, len(VARIANTS), 4), np.uint64)).tolist() == []


def test_a_picture_that_is_everywhere_costs_no_more_than_another() -> None:
    rng = np.random.default_rng(3)
    words = random_words(rng, 50, 6)
    crowd = np.repeat(words[:1], 200_000, axis=0)  # every pair of these would be 2 * 10^10
    found = group(np.concatenate([crowd, words]))
    assert found[:200_000].max() == 0
    assert found[200_000:].tolist() == [0, *range(200_001, 200_050)]


def test_objects_are_named_after_their_first_picture_from_what_check_media_says() -> None:
    first = [HASHES[0], hashed(ImageOps.mirror(SCENES[0])), hashed(Image.new("RGB", (300, 200), "white")), HASHES[1]]
    plain = [None, *(json.loads(json.dumps(h.plain())) for h in first)]
    name = f"media:{HASHES[0].plain()['pdq']}"
    assert object_ids(plain) == [None, name, name, None, f"media:{HASHES[1].plain()['pdq']}"]
    later = hashed(cut(SCENES[0], 0.95)).plain()
    assert object_ids([later, HASHES[1].plain()], known=[HASHES[1].plain(), HASHES[0].plain()]) == [
        name,
        f"media:{HASHES[1].plain()['pdq']}",
    ]
    assert object_ids([]) == object_ids([], known=[plain[1]]) == []
    assert np.array_equal(MediaHash.read(plain[1]).words, HASHES[0].words)
    for wrong in ({}, {"pdq": "ab"}, plain[1] | {"pdq": "xy"}, plain[1] | {"pdq": "ab"}, plain[1] | {"quality": None}):
        with pytest.raises(InputError, match="not a hash of a picture"):
            object_ids([wrong])
