// Surfaces and camera, shared by both renderers. Space is LPS: x to the patient's left, y back, z up; mm.

const COLOURS = { skull: [0.86, 0.85, 0.82], implant: [0.87, 0.44, 0.15] };

function bytes(text) {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out.buffer;
}

// A layer of the page's data as { name, colour, positions [3V], normals [3V], triangles [3T] }.
function unpack(layer) {
  const values = new Uint16Array(bytes(layer.vertices));
  const triangles = new Uint32Array(bytes(layer.triangles));
  const positions = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) positions[i] = layer.low[i % 3] + layer.step * values[i];
  return { name: layer.name, outward: layer.outward, colour: COLOURS[layer.name], positions, normals: normals(positions, triangles), triangles, maps: (layer.maps || []).map((map) => ({ ...map, values: new Uint8Array(bytes(map.values)) })) };
}

// Dark blue to yellow, as light as the value is high: the order survives in grey and for the colour-blind.
const SCALE = [[0.27, 0.0, 0.33], [0.25, 0.27, 0.53], [0.16, 0.47, 0.56], [0.13, 0.66, 0.52], [0.48, 0.82, 0.32], [0.99, 0.91, 0.14]];

// The colour [3] of a share from 0 to 1.
function shade(share) {
  const at = share * (SCALE.length - 1), k = Math.min(SCALE.length - 2, Math.floor(at)), f = at - k;
  return SCALE[k].map((v, i) => v + f * (SCALE[k + 1][i] - v));
}

// Colours [3V] of a layer: those of the map called name, else all its own.
function vertexColours(layer, name) {
  const map = layer.maps.find((one) => one.name === name), out = new Float32Array(layer.positions.length);
  const table = map && Array.from({ length: 256 }, (_, k) => shade(k / 255));
  for (let i = 0; i < out.length / 3; i++) out.set(map ? table[map.values[i]] : layer.colour, 3 * i);
  return out;
}

// Vertex normals [3V]: the sum of the face normals around a vertex, larger faces counting more.
function normals(p, triangles) {
  const n = new Float32Array(p.length);
  for (let t = 0; t < triangles.length; t += 3) {
    const a = 3 * triangles[t], b = 3 * triangles[t + 1], c = 3 * triangles[t + 2];
    const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
    const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
    const x = uy * vz - uz * vy, y = uz * vx - ux * vz, z = ux * vy - uy * vx;
    for (const k of [a, b, c]) { n[k] += x; n[k + 1] += y; n[k + 2] += z; }
  }
  for (let i = 0; i < n.length; i += 3) {
    const length = Math.hypot(n[i], n[i + 1], n[i + 2]) || 1;
    n[i] /= length; n[i + 1] /= length; n[i + 2] /= length;
  }
  return n;
}

// Centre [3] of the box of some layers and the radius around it that holds them; a unit ball where there is nothing.
function bounds(layers) {
  const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
  for (const { positions } of layers)
    for (let i = 0; i < positions.length; i++) {
      if (positions[i] < low[i % 3]) low[i % 3] = positions[i];
      if (positions[i] > high[i % 3]) high[i % 3] = positions[i];
    }
  if (low[0] > high[0]) return { centre: [0, 0, 0], radius: 1 };
  const centre = low.map((v, i) => (v + high[i]) / 2);
  let radius = 0;
  for (const { positions: p } of layers)
    for (let i = 0; i < p.length; i += 3)
      radius = Math.max(radius, Math.hypot(p[i] - centre[0], p[i + 1] - centre[1], p[i + 2] - centre[2]));
  return { centre, radius };
}

// Camera directions: yaw 0 looks at the face, 90 degrees at the patient's left side; pitch up to the vertex.
function camera(state, scene, aspect) {
  const cy = Math.cos(state.yaw), sy = Math.sin(state.yaw), cp = Math.cos(state.pitch), sp = Math.sin(state.pitch);
  const focal = 3.6;
  const fit = Math.min(1, aspect);
  return {
    right: [cy, sy, 0],
    up: [-sy * sp, cy * sp, cp],
    toward: [sy * cp, -cy * cp, sp],
    centre: scene.centre,
    distance: scene.radius * focal,
    lens: [(focal * fit * state.zoom) / aspect * 0.95, focal * fit * state.zoom * 0.95],
  };
}
