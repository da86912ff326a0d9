/** The page of collect.mjs: runs the tracker over pictures as they are and turned, and over clips. */
const kind = new URLSearchParams(location.search).get('tracker');
const SIDE = 480;

async function createTasksTracker() {
  const { FaceLandmarker, FilesetResolver } = await import('/modules/@mediapipe/tasks-vision/vision_bundle.mjs');
  const files = await FilesetResolver.forVisionTasks('/modules/@mediapipe/tasks-vision/wasm');
  const create = () =>
    FaceLandmarker.createFromOptions(files, {
      baseOptions: { modelAssetPath: '/data/mediapipe/face_landmarker.task', delegate: 'CPU' },
      runningMode: 'VIDEO',
      numFaces: 1,
    });
  const tracker = await create();
  let time = 0;
  return {
    /** A jump in time and an empty picture make the tracker start anew. */
    reset(blank) {
      time += 2000;
      tracker.detectForVideo(blank, time);
    },
    track(canvas, stepMs) {
      time += stepMs;
      return tracker.detectForVideo(canvas, time).faceLandmarks[0];
    },
  };
}

async function createMeshTracker() {
  await new Promise((done, fail) => {
    const script = Object.assign(document.createElement('script'), {
      src: '/modules/@mediapipe/face_mesh/face_mesh.js',
      onload: done,
      onerror: fail,
    });
    document.head.append(script);
  });
  const mesh = new globalThis.FaceMesh({ locateFile: (file) => `/modules/@mediapipe/face_mesh/${file}` });
  mesh.setOptions({ maxNumFaces: 1, refineLandmarks: true });
  let found;
  mesh.onResults((results) => {
    found = results.multiFaceLandmarks?.[0];
  });
  return {
    reset() {
      mesh.reset();
    },
    async track(canvas) {
      found = undefined;
      await mesh.send({ image: canvas });
      return found;
    },
  };
}

/** Triangles of the mesh (the tesselation lists three edges per triangle), eyes and mouth closed by fans, and rings around it. */
async function topology() {
  const { FaceLandmarker: F } = await import('/modules/@mediapipe/tasks-vision/vision_bundle.mjs');
  const triangles = [];
  const edges = F.FACE_LANDMARKS_TESSELATION;
  for (let i = 0; i + 2 < edges.length; i += 3) triangles.push(edges[i].start, edges[i + 1].start, edges[i + 2].start);
  const fan = (loop) => {
    for (let i = 1; i + 1 < loop.length; i++) triangles.push(loop[0], loop[i], loop[i + 1]);
  };
  fan([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]);
  fan([33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7]);
  fan([263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249]);
  const oval = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93,
    234, 127, 162, 21, 54, 103, 67, 109,
  ];
  const rings = 3;
  for (let r = 0; r < rings; r++) {
    for (let i = 0; i < oval.length; i++) {
      const j = (i + 1) % oval.length;
      const at = (ring, k) => (ring === 0 ? oval[k] : 478 + (ring - 1) * oval.length + k);
      triangles.push(at(r, i), at(r, j), at(r + 1, i), at(r, j), at(r + 1, j), at(r + 1, i));
    }
  }
  return { triangles: new Uint16Array(triangles), oval };
}

/** Points in units of the picture's width plus rings outside of the face; the outer rings fall back behind the head. */
function surface(points, oval) {
  const vertices = new Float32Array((478 + 3 * oval.length) * 3);
  vertices.set(points);
  let cx = 0,
    cy = 0;
  for (const i of oval) {
    cx += points[i * 3] / oval.length;
    cy += points[i * 3 + 1] / oval.length;
  }
  const size = Math.hypot(points[454 * 3] - points[234 * 3], points[454 * 3 + 1] - points[234 * 3 + 1]);
  const grow = [1.3, 1.8, 5],
    back = [0.25, 0.6, 0.7];
  for (let r = 0; r < 3; r++) {
    oval.forEach((index, k) => {
      const at = (478 + r * oval.length + k) * 3;
      vertices[at] = cx + (points[index * 3] - cx) * grow[r];
      vertices[at + 1] = cy + (points[index * 3 + 1] - cy) * grow[r] - (r > 0 && k < 9 ? 0.1 * size : 0);
      vertices[at + 2] = points[index * 3 + 2] * (r === 0 ? 1 : 0.5) + back[r] * size;
    });
  }
  return { vertices, centre: [cx, cy, 0.3 * size], size };
}

function createPainter(triangles) {
  const canvas = Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE });
  const gl = canvas.getContext('webgl', { preserveDrawingBuffer: true, antialias: false });
  const shader = (type, source) => {
    const s = gl.createShader(type);
    gl.shaderSource(s, source);
    gl.compileShader(s);
    return s;
  };
  const program = gl.createProgram();
  gl.attachShader(
    program,
    shader(gl.VERTEX_SHADER, 'attribute vec4 p; attribute vec2 t; varying vec2 v; void main() { gl_Position = p; v = t; }'),
  );
  gl.attachShader(
    program,
    shader(
      gl.FRAGMENT_SHADER,
      'precision mediump float; varying vec2 v; uniform sampler2D s; void main() { gl_FragColor = texture2D(s, v); }',
    ),
  );
  gl.linkProgram(program);
  gl.useProgram(program);
  const buffers = ['p', 't'].map((attribute, i) => {
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(gl.getAttribLocation(program, attribute));
    gl.vertexAttribPointer(gl.getAttribLocation(program, attribute), i === 0 ? 4 : 2, gl.FLOAT, false, 0, 0);
    return buffer;
  });
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, triangles, gl.STATIC_DRAW);
  gl.enable(gl.DEPTH_TEST);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const [key, value] of [
    [gl.TEXTURE_MIN_FILTER, gl.LINEAR],
    [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
    [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
  ])
    gl.texParameteri(gl.TEXTURE_2D, key, value);
  const fill = (buffer, data) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
  };
  return {
    canvas,
    load(picture, vertices) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, gl.RGB, gl.UNSIGNED_BYTE, picture);
      const texture = new Float32Array((vertices.length / 3) * 2);
      for (let i = 0; i < vertices.length / 3; i++) {
        texture[i * 2] = vertices[i * 3];
        texture[i * 2 + 1] = vertices[i * 3 + 1];
      }
      fill(buffers[1], texture);
    },
    /** Draws the surface rotated about its centre, in weak perspective, the face `scale` of the canvas wide at `x`, `y`. */
    draw({ vertices, centre, size }, pose) {
      const [cy, sy, cp, sp, cr, sr] = [pose.yaw, pose.pitch, pose.roll].flatMap((a) => [Math.cos(a), Math.sin(a)]);
      const out = new Float32Array((vertices.length / 3) * 4);
      for (let i = 0; i < vertices.length / 3; i++) {
        const x = (vertices[i * 3] - centre[0]) / size,
          y = (vertices[i * 3 + 1] - centre[1]) / size,
          z = (vertices[i * 3 + 2] - centre[2]) / size;
        const x1 = x * cy + z * sy,
          z1 = z * cy - x * sy;
        const y2 = y * cp - z1 * sp,
          z2 = z1 * cp + y * sp;
        const w = 1 + z2 * pose.perspective;
        const x3 = ((x1 * cr - y2 * sr) / w) * pose.scale + pose.x,
          y3 = ((x1 * sr + y2 * cr) / w) * pose.scale + pose.y;
        out.set([x3 * 2 - 1, 1 - y3 * 2, Math.max(-0.99, Math.min(0.99, z2 / 8)), 1], i * 4);
      }
      fill(buffers[0], out);
      gl.clearColor(0.4, 0.4, 0.45, 1);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.drawElements(gl.TRIANGLES, triangles.length, gl.UNSIGNED_SHORT, 0);
      gl.finish();
    },
  };
}

const flat = (face, width, height) => {
  const points = new Float32Array(478 * 3);
  face.forEach((p, i) => points.set([p.x, (p.y * height) / width, p.z], i * 3));
  return points;
};

let seed = 1;
const random = () => {
  seed = (seed * 1664525 + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const between = (low, high) => low + (high - low) * random();

/** A smooth path: each angle swings with its own phase and reach; a third of the pictures turn far. */
function path(steps) {
  const reach = random() < 0.4 ? 1 : 0.5;
  const swing = (limit) => {
    const phase = between(0, 6.28),
      turns = between(0.6, 1.4),
      span = limit * between(0.4, 1);
    return (t) => span * Math.sin(phase + t * turns * 6.28);
  };
  const yaw = swing(0.95 * reach),
    pitch = swing(0.45 * reach),
    roll = swing(0.6 * reach),
    scale = swing(0.35),
    x = swing(0.22),
    y = swing(0.15);
  const base = between(0.25, 0.5),
    perspective = between(0, 0.25);
  return Array.from({ length: steps }, (_, i) => {
    const t = i / steps;
    return { yaw: yaw(t), pitch: pitch(t), roll: roll(t), scale: base * (1 + scale(t)), x: 0.5 + x(t), y: 0.5 + y(t), perspective };
  });
}

async function bitmap(url) {
  return createImageBitmap(await (await fetch(`/file/${encodeURI(url.slice(1))}`)).blob());
}

async function main() {
  const tracker = await (kind === 'mesh' ? createMeshTracker() : createTasksTracker());
  const { triangles, oval } = await topology();
  const painter = createPainter(triangles);
  const plain = document.createElement('canvas');
  const context = plain.getContext('2d', { willReadFrequently: true });
  const show = (picture) => {
    const ratio = Math.min(1, 640 / Math.max(picture.width, picture.height));
    plain.width = Math.round(picture.width * ratio);
    plain.height = Math.round(picture.height * ratio);
    context.drawImage(picture, 0, 0, plain.width, plain.height);
  };
  for (const { key, frames, steps } of await (await fetch('/work.json')).json()) {
    const found = [];
    seed = [...key].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) >>> 0, 7);
    plain.width = plain.height = 64;
    tracker.reset(plain);
    if (steps === 0) {
      for (const frame of frames) {
        const picture = await bitmap(frame);
        show(picture);
        const face = await tracker.track(plain, 40);
        if (face?.length === 478) found.push(flat(face, plain.width, plain.height));
        picture.close();
      }
    } else {
      const picture = await bitmap(frames[0]);
      show(picture);
      let face;
      for (let i = 0; i < 5; i++) face = (await tracker.track(plain, 33)) ?? face;
      if (face?.length === 478) {
        const points = flat(face, plain.width, plain.height);
        found.push(points);
        const shape = surface(points, oval);
        const texture = shape.vertices.slice();
        for (let i = 1; i < texture.length; i += 3) texture[i] *= plain.width / plain.height;
        painter.load(plain, texture);
        const poses = path(steps);
        // The jump from the picture to the path's start: let the tracker settle. 120 ms a step: the far turns are then as fast as a head turns.
        for (const pose of [poses[0], poses[0], poses[0], ...poses]) {
          painter.draw(shape, pose);
          const turned = await tracker.track(painter.canvas, 120);
          if (turned?.length === 478 && pose !== poses[0]) found.push(flat(turned, SIDE, SIDE));
        }
      } else console.log(`! no face: ${key}`);
      picture.close();
    }
    const body = new Float32Array(found.length * 478 * 3);
    found.forEach((points, i) => body.set(points, i * 478 * 3));
    if (found.length > 0) await fetch(`/save?key=${encodeURIComponent(key)}`, { method: 'POST', body });
  }
  globalThis.finished = true;
}

main().catch((error) => {
  console.log(`! ${error.stack}`);
  globalThis.finished = true;
});
