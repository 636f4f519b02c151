import type { Scheme } from './scheme.ts'

/**
 * The fastest scheme of this machine; its `driver` says which. `blst` is native and exists for Linux, macOS and
 * Windows; elsewhere the portable one does the same, some thirty times slower.
 */
export async function loadScheme(): Promise<Scheme> {
  try {
    const { createBlstScheme } = await import('./blst.ts')
    return createBlstScheme()
  } catch {
    const { createNobleScheme } = await import('./noble.ts')
    return createNobleScheme()
  }
}
