/**
 * The three networks of the landmarker as ONNX files, made on this machine out of the npm packages @mediapipe/face_mesh and
 * @mediapipe/selfie_segmentation (Apache-2.0). Nothing is downloaded; the second call costs one hash of the sources.
 */
import { mkdir } from 'node:fs/promises';
import { writeAtomically } from '../../base/write-atomically.ts';
import { exists, landmarkModels, pathsOf, type LandmarkModel, type LandmarkModelPaths } from '../../landmarker/landmark-models.ts';
import { regionOptions } from './attention-operators.ts';
import { readTflite } from './tflite-model.ts';
import { TfliteConverter } from './tflite-to-onnx.ts';

function convertDetector(bytes: Uint8Array): Uint8Array {
  const converter = new TfliteConverter('face_detection_short_range', readTflite(bytes));
  const { graph } = converter;
  graph.output('boxes', [896, 16], graph.add('Reshape', [converter.valueNamed('regressors'), graph.ints([896, 16])]));
  graph.output('scores', [896], graph.add('Reshape', [converter.valueNamed('classificators'), graph.ints([896])]));
  return graph.encode();
}

/**
 * The attention mesh gives the mesh and, apart, refined lips, eyes and irises; here they become one list of 478 points:
 * x, y from the refinement where there is one, z from the mesh, the irises' z from the mean of their eye's contour.
 */
function convertMesh(bytes: Uint8Array): Uint8Array {
  const model = readTflite(bytes);
  const converter = new TfliteConverter('face_landmark_with_attention', model);
  const { graph } = converter;
  const regions = model.operators
    .filter((operator) => operator.name === 'Landmarks2TransformMatrix')
    .map((operator) => regionOptions(operator.customMap()));
  const [lips, leftEye, rightEye] = regions.map((region) => region.subset);
  if (lips?.length !== 80 || leftEye?.length !== 71 || rightEye?.length !== 71)
    throw new Error('tflite: the attention mesh has other regions than expected');
  const iris = (first: number) => [0, 1, 2, 3, 4].map((i) => first + i);
  const parts = [
    { output: 'output_lips', points: lips },
    { output: 'output_left_eye', points: leftEye },
    { output: 'output_right_eye', points: rightEye },
    { output: 'output_left_iris', points: iris(468) },
    { output: 'output_right_iris', points: iris(473) },
  ];
  const source = Array.from({ length: 478 }, (_, i) => i);
  let next = 468;
  for (const part of parts) for (const point of part.points) source[point] = next++;

  const mesh = graph.add('Reshape', [converter.valueNamed('output_mesh_identity'), graph.ints([468, 3])]);
  const slice = (from: number, to: number) => graph.add('Slice', [mesh, graph.ints([from]), graph.ints([to]), graph.ints([1])]);
  const refined = parts.map((part) => graph.add('Reshape', [converter.valueNamed(part.output), graph.ints([part.points.length, 2])]));
  const flat = graph.add('Gather', [graph.add('Concat', [slice(0, 2), ...refined], { axis: 0 }), graph.ints(source)], { axis: 0 });
  const depth = slice(2, 3);
  const irisDepth = (eye: number[]) => {
    // The first 16 points of an eye's region are its contour.
    const mean = graph.add('ReduceMean', [graph.add('Gather', [depth, graph.ints(eye.slice(0, 16))], { axis: 0 })], {
      axes: [0],
      keepdims: 1,
    });
    return graph.add('Expand', [mean, graph.ints([5, 1])]);
  };
  const depths = graph.add('Concat', [depth, irisDepth(leftEye), irisDepth(rightEye)], { axis: 0 });
  graph.output('points', [478, 3], graph.add('Concat', [flat, depths], { axis: 1 }));
  graph.output('presence', [1], graph.add('Reshape', [converter.valueNamed('conv_faceflag'), graph.ints([1])]));
  return graph.encode();
}

function convertMatte(bytes: Uint8Array): Uint8Array {
  const converter = new TfliteConverter('selfie_segmentation', readTflite(bytes));
  const { graph } = converter;
  graph.output('matte', [256, 256], graph.add('Reshape', [converter.valueNamed('activation_10'), graph.ints([256, 256])]));
  return graph.encode();
}

const converters: Record<LandmarkModel, (source: Uint8Array) => Uint8Array> = {
  detector: convertDetector,
  mesh: convertMesh,
  matte: convertMatte,
};

/**
 * Makes what is missing of the landmarker's ONNX files in `folder` and gives their paths.
 * @throws Error when an npm package is missing or is another version than the converter knows, or the folder cannot be written.
 */
export async function ensureLandmarkModels(folder: string): Promise<LandmarkModelPaths> {
  await mkdir(folder, { recursive: true });
  const files = await landmarkModels(folder);
  for (const { name, path, source } of files) if (!(await exists(path))) await writeAtomically(path, converters[name](source));
  return pathsOf(files);
}
