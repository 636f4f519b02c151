import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '#base/error.ts'

/** Which artifacts are kept, and for whom: one empty file `<owner>/<cid>` each, so nothing can tear. */
export interface Pins {
  open(): Promise<void>
  add(cid: string, owner: string): Promise<void>
  removeOwner(owner: string): Promise<void>
  /** Every pinned CID, once. */
  all(): Promise<ReadonlySet<string>>
}

/** Opens the pins of a directory. Owners are letters, digits and . _ : - such as a job id. */
export function createPins(directory: string): Pins {
  function pathOf(owner: string): string {
    if (!/^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$/.test(owner)) {
      throw new AppError({ code: 'PIN_OWNER_INVALID', owner })
    }
    return join(directory, owner)
  }

  return {
    async open() {
      await mkdir(directory, { recursive: true })
    },
    async add(cid, owner) {
      const path = pathOf(owner)
      await mkdir(path, { recursive: true })
      await writeFile(join(path, cid), '')
    },
    async removeOwner(owner) {
      await rm(pathOf(owner), { recursive: true, force: true })
    },
    async all() {
      const owners = await readdir(directory)
      const pinned = await Promise.all(owners.map((owner) => readdir(join(directory, owner))))
      return new Set(pinned.flat())
    },
  }
}
