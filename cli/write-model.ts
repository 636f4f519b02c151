import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type LoadedModel, type ModelFiles, listExtras, listFiles } from '#compute/export/model.ts'

/** Writes a model directory with what other programs read; the folder is made where it is missing. */
export function writeModel(
  directory: string,
  model: Pick<LoadedModel, 'manifest' | 'parameters'> & { readonly files: ModelFiles },
  { tfjs = false }: { readonly tfjs?: boolean } = {},
): void {
  for (const { name, bytes } of [...listFiles(model.files), ...listExtras(model, { tfjs })]) {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }
}
