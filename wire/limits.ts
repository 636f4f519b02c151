/** Every limit that crosses a process, disk or chain border stands here. Units are last in the names. */
export const limits = {
  workersMax: 8,
  evaluatorsMax: 8,
  sealedKeysMax: 64,
  roundsMax: 4096,
  segmentsMax: 4096,
  gossipMessageBytesMax: 65_536,
  jobLogEntriesMax: 65_536,
  artifactBlockBytes: 1_048_576,
  artifactBytesMax: 4_294_967_296,
  jsonBytesMax: 8_388_608,
  transcriptBytesMax: 134_217_728,
  lineBytesMax: 1_048_576,
  rowsMax: 10_000_000,
  columnsMax: 16_384,
  classesMax: 4096,
  parametersMax: 50_000_000,
} as const
