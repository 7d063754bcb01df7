// A slider per plane; every picture is already in the page.

for (const view of JSON.parse(document.getElementById("slice-data").textContent)) {
  const figure = document.querySelector(`[data-view="${view.name}"]`);
  const image = figure.querySelector("img"), slider = figure.querySelector("input"), text = figure.querySelector("output");
  const show = () => {
    const place = Number(slider.value);
    image.src = view.pictures[place];
    text.textContent = `${view.axis} ${view.positions[place].toFixed(1).replace("-", "−")} mm`;
    slider.setAttribute("aria-valuetext", `${view.name} ${text.textContent}, ${place + 1} of ${view.pictures.length}`);
  };
  slider.addEventListener("input", show);
  show();
}
