// A slider per plane; every picture is already in the page. Lines show where the other two planes are, a click moves them there.

(function slices() {
  const views = JSON.parse(document.getElementById("slice-data").textContent).map((view) => {
    const figure = document.querySelector(`[data-view="${view.name}"]`);
    return { ...view, image: figure.querySelector("img"), slider: figure.querySelector("input"), text: figure.querySelector("output"),
      down: figure.querySelector(".cross.down"), across: figure.querySelector(".cross.across") };
  });
  const facing = (axis) => views.find((view) => view.axes[0] === axis);
  const place = (view) => Number(view.slider.value);
  const height = (view, share) => (view.axes[2] === 2 ? 1 - share : share); // superior is on top

  function show(view) {
    view.image.src = view.pictures[place(view)];
    view.text.textContent = `${view.axis} ${view.positions[place(view)].toFixed(1).replace("-", "−")} mm`;
    view.slider.setAttribute("aria-valuetext", `${view.name} ${view.text.textContent}, ${place(view) + 1} of ${view.pictures.length}`);
    for (const each of views) {
      const [across, down] = [facing(each.axes[1]), facing(each.axes[2])];
      each.down.style.left = `${100 * across.shares[place(across)]}%`;
      each.across.style.top = `${100 * height(each, down.shares[place(down)])}%`;
    }
  }
  function move(view, share) {
    const off = view.shares.map((one) => Math.abs(one - share));
    view.slider.value = off.indexOf(Math.min(...off));
    show(view);
  }
  for (const view of views) {
    view.slider.addEventListener("input", () => show(view));
    view.image.addEventListener("click", (event) => {
      const box = view.image.getBoundingClientRect();
      move(facing(view.axes[1]), (event.clientX - box.left) / box.width);
      move(facing(view.axes[2]), height(view, (event.clientY - box.top) / box.height));
    });
    show(view);
  }
})();
