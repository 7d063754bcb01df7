import numpy as np

from cranial_sparse.training.picture import AIR, BONE, FOUND, INVENTED, MISSED, PALETTE, case_picture, paint


def test_each_kind_of_voxel_has_its_colour() -> None:
    skull, implant, truth = (np.array([v], bool) for v in ([1, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 1, 1, 0, 0]))
    assert paint(skull, implant, truth).tolist() == [[BONE, FOUND, MISSED, INVENTED, AIR]]


def test_three_slices_through_the_middle_of_the_implant() -> None:
    truth = np.zeros((4, 5, 6), bool)
    truth[1, 2, 3] = True
    picture = case_picture(np.zeros_like(truth), truth, truth)
    assert picture.shape == (6, 5 + 4 + 4)  # y-z, x-z and x-y slices
    assert picture.dtype == np.uint8
    # one voxel in each, upwards from the lower edge: z = 3 of 6, 3 of 6, y = 2 of 5 under one row of padding
    assert np.argwhere(picture == FOUND).tolist() == [[2, 2], [2, 6], [3, 10]]
    assert picture.max() < len(PALETTE)


def test_a_case_without_an_implant_has_a_picture_too() -> None:
    nothing = np.zeros((4, 4, 4), bool)
    assert (case_picture(nothing, nothing, nothing) == AIR).all()
