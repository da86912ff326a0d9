/** Where everything lies. One instance of the module serves one avatar; nothing is ever freed. */

/** 1.0 of a picture in 16 bits: 255 steps of 128, so that a byte is a shift away. */
export const ONE: i32 = 32640;
/** Points of one curve of the mouth and of an eye. */
export const MOUTH_POINTS: i32 = 11;
export const EYE_POINTS: i32 = 9;
export const EYES: i32 = 2;
export const REGIONS: i32 = 1 + EYES;
export const REGION_BYTES: i32 = 32;
/** Bytes before and behind a row that is written some pixels at a time, beyond its ends. */
export const ROOM: i32 = 32;

/** Side of the output, of the network, of the masks (half of that), of the flows (a quarter); the first over the second. */
export let size: i32 = 0;
export let network: i32 = 0;
export let masks: i32 = 0;
export let flows: i32 = 0;
export let scale: i32 = 0;
export let portraits: i32 = 0;

// Pictures of the output's size, rows of pixels: four bytes (red, green, blue, unused) or four times 16 bits.
export let portrait: usize = 0; // [K] bytes
export let plate: usize = 0; // bytes
export let frame: usize = 0; // 16 bits: the output, and the frame before until it is overwritten
export let warped: usize = 0; // 16 bits: the portrait as this frame has it
export let carried: usize = 0; // 16 bits: the frame before as this frame has it
export let i420: usize = 0; // planes of bytes
export let interior: usize = 0; // 16 bits, its fourth value the mask: the lent mouth's box
export let interiorLeft: i32 = 0;
export let interiorTop: i32 = 0;
export let interiorWidth: i32 = 0;
export let interiorHeight: i32 = 0;

// Tensors of the graphs, 32-bit floats.
export let flow: usize = 0; // [2, F, F]
export let flowPrevious: usize = 0; // [2, F, F]
export let mouth: usize = 0; // [2, 11, 2]
export let inside: usize = 0; // [10]
export let eyes: usize = 0; // [2, 2, 9, 2]
export let turns: usize = 0; // [2, 4]
export let seen: usize = 0; // [10, N, N]
export let opening: usize = 0; // [M, M]
export let shown: usize = 0; // [M, M]
export let picture: usize = 0; // [3, N, N]
export let logits: usize = 0; // [4, M, M]
export let smallPortraits: usize = 0; // [K, 3, F, F]
export let smallPlate: usize = 0; // [3, F, F]
export let smallPrevious: usize = 0; // [3, F, F]
export let knots: usize = 0; // [2, 11, 2] of the lent mouth

// Rows and tables for work.
export let placesX: usize = 0; // [S] floats, pixels
export let placesY: usize = 0;
export let addresses: usize = 0; // [S] ints, bytes
export let weightsX: usize = 0; // [S] pairs of 16 bits
export let weightsY: usize = 0;
export let flowRow: usize = 0; // [2, F + 2] floats
export let regions: usize = 0; // three: the mouth and two eyes, see Region
export let rims: usize = 0; // [3, 3, S] floats: of each region its upper and lower rim at each column, and how far it is beyond the corners
export let picture16: usize = 0; // [N, N] of 16 bits, half as large as elsewhere
export let pictureRow: usize = 0; // [N + 4]
export let synthesised: usize = 0; // [S] of 16 bits
export let logitRow: usize = 0; // [4, M + 2] floats
export let logitsWide: usize = 0; // [4, S], rows size * 4 + 2 * ROOM bytes apart

let end: usize = 0;

function take(bytes: i32): usize {
  const at = end;
  end = (end + <usize>bytes + 63) & ~63;
  return at;
}

function grow(): void {
  const missing = <i32>((end + 0xffff) >> 16) - memory.size();
  if (missing > 0 && memory.grow(missing) < 0) unreachable();
}

/** Makes room; everything is 0 then. `network` is a multiple of 16, `size` one, two or three times as much. */
export function reserve(outputSize: i32, networkSize: i32, count: i32): void {
  size = outputSize;
  network = networkSize;
  masks = networkSize / 2;
  flows = networkSize / 4;
  scale = outputSize / networkSize;
  portraits = count;
  end = (__heap_base + 63) & ~63;
  const pixels = size * size;
  const small = flows * flows;
  portrait = take(count * pixels * 4);
  plate = take(pixels * 4);
  frame = take(pixels * 8);
  warped = take(pixels * 8);
  carried = take(pixels * 8);
  i420 = take((pixels * 3) / 2);
  flow = take(small * 8);
  flowPrevious = take(small * 8);
  mouth = take(2 * MOUTH_POINTS * 8);
  inside = take(10 * 4);
  eyes = take(EYES * 2 * EYE_POINTS * 8);
  turns = take(EYES * 4 * 4);
  seen = take(10 * network * network * 4);
  opening = take(masks * masks * 4);
  shown = take(masks * masks * 4);
  picture = take(3 * network * network * 4);
  logits = take(4 * masks * masks * 4);
  smallPortraits = take(count * 3 * small * 4);
  smallPlate = take(3 * small * 4);
  smallPrevious = take(3 * small * 4);
  knots = take(2 * MOUTH_POINTS * 8);
  placesX = take(size * 4 + 2 * ROOM) + ROOM;
  placesY = take(size * 4 + 2 * ROOM) + ROOM;
  addresses = take(size * 4);
  weightsX = take(size * 4);
  weightsY = take(size * 4);
  flowRow = take(2 * (flows + 2) * 4);
  regions = take(REGIONS * REGION_BYTES);
  rims = take(REGIONS * 3 * size * 4);
  picture16 = take(network * network * 8);
  pictureRow = take((network + 4) * 8);
  synthesised = take(size * 8);
  logitRow = take(4 * (masks + 2) * 4);
  logitsWide = take(4 * (size * 4 + 2 * ROOM)) + ROOM;
  grow();
}

/** Room for the lent mouth, a box of the lender's picture. */
export function reserveInterior(left: i32, top: i32, width: i32, height: i32): void {
  interiorLeft = left;
  interiorTop = top;
  interiorWidth = width;
  interiorHeight = height;
  interior = take(width * height * 8 + 16);
  grow();
}
