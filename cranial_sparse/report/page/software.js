// The same picture without a graphics card: a depth buffer per layer, filled triangle by triangle.

function softwareRenderer(canvas, scene) {
  const context = canvas.getContext("2d");
  const scratch = document.createElement("canvas");
  const WIDEST = 640; // pixels: keeps a turn fluid on a phone

  // Depth, brightness and nearest corner of the nearest surface of one layer at each pixel.
  function raster(layer, view, shift, width, height, map) {
    const { positions: p, normals: n, triangles } = layer, count = p.length / 3;
    const sx = new Float32Array(count), sy = new Float32Array(count), sz = new Float32Array(count);
    const light = new Float32Array(count);
    const dot = (a, x, y, z) => a[0] * x + a[1] * y + a[2] * z;
    for (let i = 0; i < count; i++) {
      const x = p[3 * i] + shift[0] - view.centre[0], y = p[3 * i + 1] + shift[1] - view.centre[1];
      const z = p[3 * i + 2] + shift[2] - view.centre[2], depth = view.distance - dot(view.toward, x, y, z);
      sx[i] = (1 + (dot(view.right, x, y, z) * view.lens[0]) / depth) * width / 2;
      sy[i] = (1 - (dot(view.up, x, y, z) * view.lens[1]) / depth) * height / 2;
      sz[i] = depth;
      const u = dot(view.right, n[3 * i], n[3 * i + 1], n[3 * i + 2]);
      const v = dot(view.up, n[3 * i], n[3 * i + 1], n[3 * i + 2]);
      const w = dot(view.toward, n[3 * i], n[3 * i + 1], n[3 * i + 2]);
      light[i] = 0.2 + 0.68 * Math.max(0, -0.38 * u + 0.56 * v + 0.74 * w) + 0.24 * Math.max(0, 0.6 * u - 0.1 * v + 0.79 * w);
    }
    const depth = new Float32Array(width * height).fill(Infinity), bright = new Float32Array(width * height);
    const corner = new Uint32Array(width * height);
    for (let t = 0; t < triangles.length; t += 3) {
      const a = triangles[t], b = triangles[t + 1], c = triangles[t + 2];
      const area = (sx[b] - sx[a]) * (sy[c] - sy[a]) - (sx[c] - sx[a]) * (sy[b] - sy[a]);
      if (area >= 0) continue; // rows run down: a surface that faces us turns clockwise
      const left = Math.max(0, Math.ceil(Math.min(sx[a], sx[b], sx[c]))), right = Math.min(width - 1, Math.max(sx[a], sx[b], sx[c]));
      const top = Math.max(0, Math.ceil(Math.min(sy[a], sy[b], sy[c]))), bottom = Math.min(height - 1, Math.max(sy[a], sy[b], sy[c]));
      for (let y = top; y <= bottom; y++)
        for (let x = left; x <= right; x++) {
          const wb = ((x - sx[a]) * (sy[c] - sy[a]) - (sx[c] - sx[a]) * (y - sy[a])) / area;
          const wc = ((sx[b] - sx[a]) * (y - sy[a]) - (x - sx[a]) * (sy[b] - sy[a])) / area;
          const wa = 1 - wb - wc;
          if (wa < 0 || wb < 0 || wc < 0) continue;
          const z = wa * sz[a] + wb * sz[b] + wc * sz[c], k = y * width + x;
          if (z < depth[k]) { depth[k] = z; bright[k] = wa * light[a] + wb * light[b] + wc * light[c]; corner[k] = wa > wb ? (wa > wc ? a : c) : (wb > wc ? b : c); }
        }
    }
    return { depth, bright, corner, colours: vertexColours(layer, map) };
  }

  return function draw(state) {
    const width = Math.max(1, Math.min(WIDEST, Math.round(canvas.clientWidth)));
    const height = Math.max(1, Math.round((width * canvas.clientHeight) / Math.max(1, canvas.clientWidth)));
    const view = camera(state, scene, width / height);
    const drawn = {};
    for (const layer of scene.layers)
      if (state[layer.name])
        drawn[layer.name] = raster(layer, view, layer.name === "implant" ? scene.lift.map((v) => v * state.lift) : [0, 0, 0], width, height, layer.name === "implant" ? state.map : "");
    const image = new ImageData(width, height), { skull, implant } = drawn;
    for (let k = 0; k < width * height; k++) {
      const near = skull ? skull.depth[k] : Infinity, far = implant ? implant.depth[k] : Infinity;
      if (near === Infinity && far === Infinity) continue;
      const over = near < far ? state.opacity : 0; // how much of the skull covers what lies behind it
      const under = far < Infinity ? 1 : 0, alpha = over + (1 - over) * under;
      for (let c = 0; c < 3; c++) {
        const top = over ? skull.bright[k] * skull.colours[3 * skull.corner[k] + c] : 0, below = under ? implant.bright[k] * implant.colours[3 * implant.corner[k] + c] : 0;
        image.data[4 * k + c] = 255 * (over * top + (1 - over) * below) / alpha;
      }
      image.data[4 * k + 3] = 255 * alpha;
    }
    scratch.width = width; scratch.height = height;
    scratch.getContext("2d").putImageData(image, 0, 0);
    canvas.width = Math.max(1, canvas.clientWidth); canvas.height = Math.max(1, canvas.clientHeight);
    context.drawImage(scratch, 0, 0, canvas.width, canvas.height);
  };
}
