/** Limits of the readers alone; those that cross a border stand in wire/limits.ts. */
export const bounds = {
  fileBytesMax: 2 ** 30,
  textBytesMax: 2 ** 32,
  cellsMax: 2 ** 27,
  /** Of a text; a row file holds each twice in 4 bytes. */
  tokensMax: 2 ** 27,
  categoriesMax: 65_536,
  categoryCharsMax: 256,
  /** Characters of a column of texts that are kept. */
  textCharsMax: 2 ** 27,
  /** Different words that are counted. */
  termsMax: 2 ** 21,
  archiveEntriesMax: 1024,
  /** Beyond this a difference of two values may leave binary32. */
  magnitudeMax: 1e37,
  deviationMin: 1e-30,
} as const
