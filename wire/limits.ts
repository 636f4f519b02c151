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
  generatedTokensMax: 65_536,
  classesMax: 4096,
  /** Rows of an embedding table; words of a vocabulary that travels; tokens of a row. */
  wordsMax: 65_536,
  termsMax: 4096,
  bagTokensMax: 512,
  layersMax: 64,
  parametersMax: 50_000_000,
  graphNodesMax: 1024,
  /** Strides, dilations, paddings and sides of a pooling. */
  windowMax: 63,
} as const
