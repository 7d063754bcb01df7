// The 3D view: picks a renderer and turns what hands and keys do into a new picture.

(function view3d() {
  const layers = JSON.parse(document.getElementById("scene-data").textContent).map(unpack);
  const implant = layers.find((layer) => layer.name === "implant");
  const scene = { layers, ...bounds(layers) };
  const middle = bounds(implant.positions.length ? [implant] : layers).centre;
  const offset = middle.map((v, i) => v - scene.centre[i]), length = Math.hypot(...offset) || 1;
  scene.outward = offset.map((v) => v / length); // from the middle of the head to the middle of the implant
  scene.lift = implant.outward || scene.outward;

  const steep = Math.asin(Math.max(-1, Math.min(1, scene.outward[2])));
  const facing = implant.positions.length ? Math.atan2(scene.outward[0], -scene.outward[1]) : 0;
  const VIEWS = {
    defect: implant.positions.length ? [facing + 0.35, Math.max(0.1, Math.min(0.9, steep)), "Towards the defect"] : [0.5, 0.2, ""],
    front: [0, 0, "From the front"],
    back: [Math.PI, 0, "From behind"],
    left: [Math.PI / 2, 0, "From the patient’s left"],
    right: [-Math.PI / 2, 0, "From the patient’s right"],
    top: [0, Math.PI / 2, "From above, face down"],
  };
  const state = { yaw: 0, pitch: 0, zoom: 1, skull: true, implant: true, opacity: 1, lift: 0, map: "" };
  const stage = document.getElementById("stage"), heading = document.getElementById("heading");
  let canvas = stage.querySelector("canvas"), draw = null, waiting = false;

  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(state); });
  }
  function look(name) {
    [state.yaw, state.pitch, heading.textContent] = VIEWS[name];
    redraw();
  }
  function turn(yaw, pitch) {
    state.yaw += yaw;
    state.pitch = Math.max(-Math.PI / 2, Math.min(Math.PI / 2, state.pitch + pitch));
    heading.textContent = "";
    redraw();
  }
  function zoom(factor) {
    state.zoom = Math.max(0.5, Math.min(8, state.zoom * factor));
    redraw();
  }
  function reset() {
    state.zoom = 1;
    look("defect");
  }
  function start(software) {
    draw = software ? null : webglRenderer(canvas, scene);
    if (!draw) { // a canvas keeps its first kind of context: take a new one
      const fresh = canvas.cloneNode();
      canvas.replaceWith(fresh);
      canvas = fresh;
      draw = softwareRenderer(canvas, scene);
    }
    stage.dataset.renderer = draw.length && canvas.getContext("webgl2") ? "webgl" : "software";
    listen();
    redraw();
  }
  function listen() {
    const pointers = new Map();
    const spread = () => { const [a, b] = [...pointers.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    canvas.addEventListener("pointermove", (event) => {
      const last = pointers.get(event.pointerId);
      if (!last) return;
      const before = pointers.size === 2 ? spread() : 0;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (pointers.size === 2) zoom(before > 0 ? spread() / before : 1);
      else turn(-(event.clientX - last.x) * 0.009, (event.clientY - last.y) * 0.009);
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas) return; // until it is clicked, the wheel scrolls the page
      event.preventDefault();
      zoom(Math.exp(-event.deltaY * 0.0012));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = 0.12, act = {
        ArrowLeft: () => turn(-step, 0), ArrowRight: () => turn(step, 0), ArrowUp: () => turn(0, step), ArrowDown: () => turn(0, -step),
        "+": () => zoom(1.15), "=": () => zoom(1.15), "-": () => zoom(1 / 1.15), 0: reset,
      }[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
    canvas.addEventListener("webglcontextlost", () => start(true));
    new ResizeObserver(redraw).observe(canvas);
  }

  for (const button of document.querySelectorAll("[data-from]")) button.addEventListener("click", () => look(button.dataset.from));
  for (const name of ["skull", "implant"])
    document.getElementById("show-" + name).addEventListener("change", (event) => { state[name] = event.target.checked; redraw(); });
  for (const name of ["opacity", "lift"])
    document.getElementById(name).addEventListener("input", (event) => { state[name] = Number(event.target.value); redraw(); });
  const choice = document.getElementById("map"), legend = document.getElementById("legend");
  if (choice) choice.addEventListener("change", () => {
    state.map = choice.value;
    const map = implant.maps.find((one) => one.name === state.map);
    legend.hidden = !map;
    if (map) {
      const [low, high] = legend.querySelectorAll("output");
      low.textContent = String(map.low).replace("-", "−");
      high.textContent = `${map.high} ${map.unit}`;
      legend.querySelector("i").style.background = `linear-gradient(to right, ${SCALE.map((c) => `rgb(${c.map((v) => Math.round(255 * v))})`)})`;
    }
    redraw();
  });
  window.addEventListener("beforeprint", () => draw(state));
  document.querySelector("[data-from=defect]").hidden = !implant.positions.length;
  start(false);
  look("defect");
})();
