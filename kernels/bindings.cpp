// Python passes addresses and sizes. cranial_sparse/bricks/ops.py, cranial_sparse/sparse_conv/ops.py and
// cranial_sparse/trilinear.py have checked types, shapes, contiguity and numbers of rows; that offsets
// follow from masks and that links are those of the grid is trusted. No torch headers, so one build serves every torch.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>

#include <array>
#include <cstdint>
#include <utility>

#include "cpu/conv.h"
#include "cpu/grid.h"
#include "cpu/microkernels.h"
#include "cpu/pages.h"
#include "cpu/resample.h"

namespace nb = nanobind;
using namespace cranial;

namespace {

using Address = std::uintptr_t;
using Shape = std::array<i64, 4>;
using Point = std::array<i32, 3>;
using Size = std::array<i64, 3>;
using Matrix = std::array<double, 9>;
using Offset = std::array<double, 3>;

template <class T>
T* at(Address address) {
  return reinterpret_cast<T*>(address);
}

// coords, masks, offsets, bricks
GridView view(const std::array<Address, 4>& grid) {
  return {at<const i32>(grid[0]), at<const u64>(grid[1]), at<const i64>(grid[2]), (i64)grid[3]};
}

Sparsity sparsity(const std::array<Address, 3>& grid) {
  return {at<const u64>(grid[0]), at<const i64>(grid[1]), (i64)grid[2]};
}

// A NumPy array that owns the vector's memory.
template <class As, class T>
nb::object array_of(std::vector<T>&& values, size_t columns) {
  auto* owned = new std::vector<T>(std::move(values));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  size_t shape[2] = {owned->size() / columns, columns};
  return nb::cast(nb::ndarray<nb::numpy, As>(owned->data(), columns == 1 ? 1 : 2, shape, owner));
}

nb::tuple arrays_of(GridData&& grid) {
  return nb::make_tuple(array_of<std::int32_t>(std::move(grid.coords), 4),
                        array_of<std::int64_t>(std::move(grid.masks), 8),
                        array_of<std::int64_t>(std::move(grid.offsets), 1));
}

using Grid = std::array<Address, 4>;
using Bits = std::array<Address, 3>;
using NoGil = nb::call_guard<nb::gil_scoped_release>;

// Runs without the GIL, then hands the grid over.
template <class Make>
nb::tuple build(const Make& make) {
  GridData grid;
  {
    nb::gil_scoped_release release;
    grid = make();
  }
  return arrays_of(std::move(grid));
}

Stencil stencil(const Bits& centres, const Bits& others, Address links, int kernel_size) {
  return kernel_size == 2 ? Stencil::children(sparsity(centres), sparsity(others), at<const i32>(links))
                          : Stencil::submanifold(sparsity(centres), at<const i32>(links), kernel_size);
}

template <class T>
void bind_by_type(nb::module_& m) {
  std::string suffix = sizeof(T) == 4 ? "_f32" : "_f64";
  auto name = [&](const char* stem) { return stem + suffix; };
  m.def(name("gather_conv").c_str(),
        [](Bits centres, Bits others, Address links, int kernel_size, Address in, Address weight, int cin, int cout,
           bool transposed, bool flipped, Address out, int threads) {
          Stencil s = stencil(centres, others, links, kernel_size);
          Weights<T> weights{at<const T>(weight), (int)s.shift().size(), cin, cout, transposed, flipped};
          gather_conv<T>(s, at<const T>(in), weights, at<T>(out), threads);
        },
        NoGil());
  m.def(name("scatter_conv").c_str(),
        [](Bits centres, Bits others, Address links, int kernel_size, Address in, Address weight, int cin, int cout,
           bool transposed, bool flipped, Address out, int threads) {
          Stencil s = stencil(centres, others, links, kernel_size);
          Weights<T> weights{at<const T>(weight), (int)s.shift().size(), cin, cout, transposed, flipped};
          scatter_conv<T>(s, at<const T>(in), weights, at<T>(out), threads);
        },
        NoGil());
  m.def(name("weight_gradient").c_str(),
        [](Bits centres, Bits others, Address links, int kernel_size, Address in, int cin, Address gradient, int cout,
           bool from_centre, Address out, int threads) {
          Stencil s = stencil(centres, others, links, kernel_size);
          weight_gradient<T>(s, at<const T>(in), cin, at<const T>(gradient), cout, from_centre, at<T>(out), threads);
        },
        NoGil());
  m.def(name("depthwise_conv").c_str(),
        [](Bits grid, Address links, int kernel_size, Address in, Address weight, int channels, bool flipped,
           Address out, int threads) {
          Stencil s = stencil(grid, grid, links, kernel_size);
          depthwise_conv<T>(s, at<const T>(in), at<const T>(weight), channels, flipped, at<T>(out), threads);
        },
        NoGil());
  m.def(name("depthwise_weight_gradient").c_str(),
        [](Bits grid, Address links, int kernel_size, Address in, Address gradient, int channels, Address out,
           int threads) {
          Stencil s = stencil(grid, grid, links, kernel_size);
          depthwise_weight_gradient<T>(s, at<const T>(in), at<const T>(gradient), channels, at<T>(out), threads);
        },
        NoGil());
  m.def(name("upsample").c_str(), [](Grid grid, Address logits, double threshold, int threads) {
    return build([&] { return upsample<T>(view(grid), at<const T>(logits), (T)threshold, threads); });
  });
}

}  // namespace

NB_MODULE(_kernels, m) {
  m.def("prefer_huge_pages", &prefer_huge_pages);
  m.def("instruction_set", &instruction_set);
  m.def("set_instruction_set", [](const std::string& name) { return set_instruction_set(name.c_str()); });

  m.def("from_dense", [](Address dense, Shape shape, Point origin, int threads) {
    return build([&] { return from_dense(at<const u8>(dense), shape.data(), origin.data(), threads); });
  });
  m.def("to_dense",
        [](Grid grid, Address dense, Shape shape, Point origin, int threads) {
          to_dense(view(grid), at<u8>(dense), shape.data(), origin.data(), threads);
        },
        NoGil());
  m.def("from_coordinates", [](Address coords, i64 count, int threads) {
    return build([&] { return from_coordinates(at<const i32>(coords), count, threads); });
  });
  m.def("coordinates",
        [](Grid grid, Address coords, int threads) { coordinates(view(grid), at<i32>(coords), threads); }, NoGil());
  m.def("lookup",
        [](Grid grid, Address coords, i64 count, Address rows, int threads) {
          lookup(view(grid), at<const i32>(coords), count, at<i64>(rows), threads);
        },
        NoGil());
  m.def("neighbour_bricks",
        [](Grid grid, Address neighbours) { neighbour_bricks(view(grid), at<i32>(neighbours)); }, NoGil());
  m.def("child_bricks",
        [](Grid coarse, Grid fine, Address children) { child_bricks(view(coarse), view(fine), at<i32>(children)); },
        NoGil());

  m.def("coarsen", [](Grid grid) { return build([&] { return coarsen(view(grid)); }); });
  m.def("refine", [](Grid grid, Address children, int threads) {
    return build([&] { return refine(view(grid), at<const u8>(children), threads); });
  });
  m.def("parents",
        [](Grid fine, Grid coarse, Address rows, Address slots, int threads) {
          parents(view(fine), view(coarse), at<i64>(rows), at<u8>(slots), threads);
        },
        NoGil());
  m.def("inherit",
        [](Grid fine, Grid coarse, Address features, i64 bytes, Address out, int threads) {
          inherit(view(fine), view(coarse), at<const u8>(features), bytes, at<u8>(out), threads);
        },
        NoGil());

  m.def("union", [](Grid a, Grid b) { return build([&] { return combine(view(a), view(b), SetOperation::unite); }); });
  m.def("intersection",
        [](Grid a, Grid b) { return build([&] { return combine(view(a), view(b), SetOperation::intersect); }); });
  m.def("difference",
        [](Grid a, Grid b) { return build([&] { return combine(view(a), view(b), SetOperation::subtract); }); });
  m.def("prune",
        [](Grid grid, Address keep) { return build([&] { return prune(view(grid), at<const u8>(keep)); }); });
  m.def("crop", [](Grid grid, Point low, Point high) {
    return build([&] { return crop(view(grid), low.data(), high.data()); });
  });
  m.def("dilate", [](Grid grid, double radius, int threads) {
    return build([&] { return dilate(view(grid), radius, threads); });
  });
  m.def("erode", [](Grid grid, double radius, int threads) {
    return build([&] { return erode(view(grid), radius, threads); });
  });
  m.def("components",
        [](Grid grid, Address neighbours, int connectivity, Address roots) {
          components(view(grid), at<const i32>(neighbours), connectivity, at<i64>(roots));
        },
        NoGil());

  m.def("resample_field",
        [](Address source, Size size, Matrix matrix, Offset offset, float outside, Address out, Size out_size) {
          resample_field({at<const float>(source), size.data()}, {matrix.data(), offset.data()}, outside,
                         {at<float>(out), out_size.data()});
        },
        NoGil());
  m.def("resample_mask",
        [](Address source, Size size, Matrix matrix, Offset offset, Address starts, i64 blocks, int side, Address out,
           Size out_size) {
          resample_mask({at<const u8>(source), size.data()}, {matrix.data(), offset.data()}, at<const i64>(starts),
                        blocks, side, {at<u8>(out), out_size.data()});
        },
        NoGil());

  bind_by_type<float>(m);
  bind_by_type<double>(m);
}
