"""What is read of an HDF5 file of unknown origin, and what is refused before that.

The files are SYNTHETIC tiles, spoiled. They are read in this process, which is quicker than in one for each.
"""

import shutil
import zlib

import h5py
import numpy as np
import pytest

from ingest.hdf5.checks import DamagedFileError, ForeignFileError
from ingest.hdf5.reading import packed_degrees, read_layer
from tests.ingest.synthetic_tiles import FIELDS, NAME, RADIANCE, SIDE, usual_layers, write_tile


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A tile as it should be."""
    return write_tile(tmp_path_factory.mktemp("tile"), layers={RADIANCE: usual_layers()[RADIANCE]})


@pytest.fixture
def changed(plain, tmp_path):
    """Changes a copy of it."""

    def change(how):
        shutil.copy(plain, tmp_path / NAME)
        with h5py.File(tmp_path / NAME, "r+") as file:
            how(file)
        return tmp_path / NAME

    return change


def read(path):
    return read_layer(path, RADIANCE, side=SIDE, dtype="float32")


def test_what_a_file_states(plain):
    pixels, facts = read(plain)
    assert np.array_equal(pixels, usual_layers()[RADIANCE])
    assert facts.group == "/HDFEOS/GRIDS/VIIRS_Grid_DNB_2d/Data Fields"
    assert (facts.fill, facts.scale, facts.offset, facts.unit) == (-999.9, 1.0, 0.0, "nWatts/(cm^2 sr)")
    assert facts.latitudes == (20.0, 20 - 1 / 240, pytest.approx(10 + 1 / 240))
    assert facts.longitudes == (30.0, 30 + 1 / 240, pytest.approx(40 - 1 / 240))
    assert facts.attributes == {
        "ShortName": "VNP46A3",
        "VersionID": "002",
        "HorizontalTileNumber": "21",
        "VerticalTileNumber": "07",
    }
    assert facts.structure == {
        "columns_rows": [2400, 2400],
        "west_north": [30.0, 20.0],
        "east_south": [40.0, 10.0],
        "projection": "HE5_GCTP_GEO",
        "origin": "HE5_HDFE_GD_UL",
    }


@pytest.mark.parametrize(
    ("packed", "degrees"),
    [(-100000000, -100.0), (20000000, 20.0), (0, 0.0), (10030000, 10.5), (-10030036, -10.51)],
)
def test_angles_are_packed_as_degrees_minutes_seconds(packed, degrees):
    assert packed_degrees(packed) == pytest.approx(degrees, abs=1e-12)


def test_a_scale_is_its_decimal(changed):
    path = changed(lambda file: file[FIELDS][RADIANCE].attrs.__setitem__("scale_factor", np.float32(0.1)))
    assert read(path)[1].scale == 0.1


def test_attributes_of_the_file_may_stand_in_a_group_of_their_own(changed):
    def move(file):
        group = file.create_group("HDFEOS/ADDITIONAL/FILE_ATTRIBUTES")
        for name, text in list(file.attrs.items()):
            group.attrs[name] = text
            del file.attrs[name]

    assert read(changed(move))[1].attributes["VersionID"] == "002"


def replaced(change):
    """Takes the radiance away first."""

    def apply(file):
        del file[FIELDS][RADIANCE]
        change(file)

    return apply


def _link_outside(file):
    with h5py.File(file.filename.replace(NAME, "other.h5"), "w") as other:
        other["radiance"] = np.zeros((SIDE, SIDE), "float32")
    file[FIELDS][RADIANCE] = h5py.ExternalLink("other.h5", "radiance")


def _soft_link(file):
    file["elsewhere"] = np.zeros((SIDE, SIDE), "float32")
    file[FIELDS][RADIANCE] = h5py.SoftLink("/elsewhere")


def _linked_grid(file):
    file.move("HDFEOS/GRIDS/VIIRS_Grid_DNB_2d", "moved")
    file["HDFEOS/GRIDS/VIIRS_Grid_DNB_2d"] = h5py.SoftLink("/moved")


def _virtual(file):
    layout = h5py.VirtualLayout((SIDE, SIDE), "float32")
    layout[:] = h5py.VirtualSource("/etc/hostname", "a", (SIDE, SIDE))
    file[FIELDS].create_virtual_dataset(RADIANCE, layout)


def _external(file):
    file[FIELDS].create_dataset(
        RADIANCE, (SIDE, SIDE), "float32", external=[("/etc/passwd", 0, SIDE * SIDE * 4)]
    )


def _of_form(shape, dtype, **how):
    return lambda file: file[FIELDS].create_dataset(RADIANCE, shape, dtype, **how)


def _in_pieces(**how):
    return lambda file: file[FIELDS].create_dataset(RADIANCE, data=usual_layers()[RADIANCE], **how)


def _half_written(file):
    dataset = file[FIELDS].create_dataset(RADIANCE, (SIDE, SIDE), "float32", chunks=(600, 600))
    dataset[:1200] = 5
    dataset.attrs["_FillValue"] = np.float32(-999.9)


def _fill(value):
    def apply(file):
        del file[FIELDS][RADIANCE].attrs["_FillValue"]
        file[FIELDS][RADIANCE].attrs["_FillValue"] = value

    return apply


def _second_grid(file):
    file.copy("HDFEOS/GRIDS/VIIRS_Grid_DNB_2d", "HDFEOS/GRIDS/VNP_Grid_DNB")


def _bomb(file):
    """One piece of 23 MB that unpacks to 200 MB."""
    dataset = file[FIELDS].create_dataset(
        RADIANCE, (SIDE, SIDE), "float32", chunks=(SIDE, SIDE), compression="gzip"
    )
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(2**22)) for _ in range(50)) + packer.flush()
    dataset.id.write_direct_chunk((0, 0), packed)
    dataset.attrs["_FillValue"] = np.float32(-999.9)


FOREIGN = {
    "external link": (replaced(_link_outside), "is an external link"),
    "soft link": (replaced(_soft_link), "is a soft link"),
    "soft link on the way": (_linked_grid, "is a soft link"),
    "virtual": (replaced(_virtual), "is a virtual dataset"),
    "external storage": (replaced(_external), "has its data in an external file"),
    "huge": (replaced(_of_form((2_000_000, 2_000_000), "float32", chunks=(1000, 1000))), "has the form"),
    "one dimension": (replaced(_of_form((SIDE,), "float32")), "has the form"),
    "three dimensions": (replaced(_of_form((SIDE, SIDE, 1), "float32")), "has the form"),
    "double": (replaced(_of_form((SIDE, SIDE), "float64")), "holds float64, where"),
    "complex": (replaced(_of_form((SIDE, SIDE), "complex64", chunks=True)), "where the product has float32"),
    "texts": (replaced(_of_form((SIDE, SIDE), h5py.string_dtype(), chunks=True)), "where the product has"),
    "nothing": (replaced(_of_form((SIDE, SIDE), "float32")), "has no pixels"),
    "a group": (replaced(lambda file: file[FIELDS].create_group(RADIANCE)), "is not a dataset"),
    "tiny pieces": (
        replaced(_of_form((SIDE, SIDE), "float32", chunks=(1, 8))),
        r"stored in pieces of \(1, 8\)",
    ),
    "other filter": (
        replaced(_in_pieces(chunks=(600, 600), compression="lzf")),
        "packed by the filter 32000",
    ),
    "half written": (replaced(_half_written), "has 8 of its 16 pieces"),
    "fill as text": (_fill("x"), "not a number"),
    "fill NaN": (_fill(np.float32(np.nan)), "_FillValue is not a finite number"),
    "two fills": (_fill(np.zeros(2, "float32")), "_FillValue is not a number"),
    "endless attribute": (_fill(np.zeros(7000, "float64")), "_FillValue has 56000 bytes|is not a number"),
    "endless piece": (replaced(_bomb), "unpacks to more than its 23,040,000 bytes"),
    "two grids": (_second_grid, "2 of its grids have"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_the_product_is_refused(changed, kind):
    change, said = FOREIGN[kind]
    with pytest.raises(ForeignFileError, match=said):
        read(changed(change))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_a_file_that_ends_too_early_is_damaged(plain, tmp_path, share):
    content = plain.read_bytes()
    (tmp_path / NAME).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DamagedFileError):
        read(tmp_path / NAME)


def test_altered_pixels_are_noticed(plain, tmp_path):
    with h5py.File(plain) as file:
        piece = file[FIELDS][RADIANCE].id.get_chunk_info(5)
    content = bytearray(plain.read_bytes())
    middle = piece.byte_offset + piece.size // 2
    content[middle : middle + 8] = bytes(byte ^ 0xFF for byte in content[middle : middle + 8])
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(DamagedFileError):
        read(tmp_path / NAME)
