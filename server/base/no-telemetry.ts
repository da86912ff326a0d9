/**
 * ONNX Runtime looks up a host of its maker, reads the machine's id and keeps a database and a log file of its own, unless this variable is
 * set when it loads. Import this before `onnxruntime-node`: the launcher sets the variable too, but not everything starts with the launcher.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
