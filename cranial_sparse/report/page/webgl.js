// WebGL 2 renderer: the implant opaque, then the nearest skull surface blended over it.

const VERTEX = `
attribute vec3 position; attribute vec3 normal; attribute vec3 tint;
uniform vec3 right, up, toward, centre, shift; uniform vec2 lens; uniform vec3 range;
varying vec3 n; varying vec3 colour;
void main() {
  colour = tint;
  vec3 p = position + shift - centre;
  float w = range.x - dot(p, toward);
  float depth = ((range.z + range.y) * w - 2.0 * range.z * range.y) / (range.z - range.y);
  gl_Position = vec4(dot(p, right) * lens.x, dot(p, up) * lens.y, depth, w);
  n = vec3(dot(normal, right), dot(normal, up), dot(normal, toward));
}`;

const FRAGMENT = `
precision mediump float;
uniform float alpha;
varying vec3 n; varying vec3 colour;
void main() {
  vec3 u = normalize(n);
  if (!gl_FrontFacing) u = -u;
  float key = max(dot(u, vec3(-0.38, 0.56, 0.74)), 0.0), fill = max(dot(u, vec3(0.6, -0.1, 0.79)), 0.0);
  float shine = pow(max(dot(u, vec3(-0.2, 0.3, 0.93)), 0.0), 24.0);
  vec3 lit = colour * (0.20 + 0.68 * key + 0.24 * fill) + 0.07 * shine;
  gl_FragColor = vec4(lit * alpha, alpha); // the page behind shows through: colours are premultiplied
}`;

// A function that draws a state, or null where the browser gives no WebGL 2.
function webglRenderer(canvas, scene) {
  const gl = canvas.getContext("webgl2", { antialias: true, alpha: true });
  if (!gl) return null;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) return null;
  gl.useProgram(program);
  const at = (name) => gl.getUniformLocation(program, name);
  const meshes = scene.layers.map((layer) => {
    const array = gl.createVertexArray();
    gl.bindVertexArray(array);
    let tint = null;
    for (const [name, data] of [["position", layer.positions], ["normal", layer.normals], ["tint", vertexColours(layer, "")]]) {
      gl.bindBuffer(gl.ARRAY_BUFFER, tint = gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
      const slot = gl.getAttribLocation(program, name);
      gl.enableVertexAttribArray(slot);
      gl.vertexAttribPointer(slot, 3, gl.FLOAT, false, 0, 0);
    }
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, layer.triangles, gl.STATIC_DRAW);
    return { layer, array, tint, map: "" };
  });
  gl.enable(gl.DEPTH_TEST);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);

  return function draw(state) {
    const scale = Math.min(window.devicePixelRatio || 1, 2);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
    gl.viewport(0, 0, canvas.width, canvas.height);
    const view = camera(state, scene, canvas.width / canvas.height);
    for (const name of ["right", "up", "toward", "centre"]) gl.uniform3fv(at(name), view[name]);
    gl.uniform2fv(at("lens"), view.lens);
    gl.uniform3f(at("range"), view.distance, view.distance - 2 * scene.radius, view.distance + 2 * scene.radius);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const paint = (name, alpha) => {
      const mesh = meshes.find((one) => one.layer.name === name), { layer, array } = mesh;
      gl.bindVertexArray(array);
      if (name === "implant" && mesh.map !== state.map) {
        mesh.map = state.map;
        gl.bindBuffer(gl.ARRAY_BUFFER, mesh.tint);
        gl.bufferData(gl.ARRAY_BUFFER, vertexColours(layer, state.map), gl.STATIC_DRAW);
      }
      gl.uniform3fv(at("shift"), name === "implant" ? scene.lift.map((v) => v * state.lift) : [0, 0, 0]);
      gl.uniform1f(at("alpha"), alpha);
      gl.drawElements(gl.TRIANGLES, layer.triangles.length, gl.UNSIGNED_INT, 0);
    };
    if (state.implant) paint("implant", 1);
    if (state.skull && state.opacity < 1) {
      gl.colorMask(false, false, false, false);
      paint("skull", 1);
      gl.colorMask(true, true, true, true);
      gl.depthFunc(gl.LEQUAL);
      gl.enable(gl.BLEND);
      paint("skull", state.opacity);
      gl.disable(gl.BLEND);
      gl.depthFunc(gl.LESS);
    } else if (state.skull) paint("skull", 1);
  };
}
