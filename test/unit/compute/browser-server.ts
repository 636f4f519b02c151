import { readFile } from 'node:fs/promises'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folders = ['base', 'compute', 'wire', 'test']
const types: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
}
const page = `<!doctype html><script type="importmap">${JSON.stringify({
  imports: {
    ...Object.fromEntries(folders.map((folder) => [`#${folder}/`, `/${folder}/`])),
    '@noble/hashes/': '/node_modules/@noble/hashes/',
    zod: '/node_modules/zod/index.js',
  },
})}</script>`

/** Serves this repository's modules to a browser, with types stripped and no bundler between. */
export async function serveModules(): Promise<{ url: string; close: () => void }> {
  const server: Server = createServer((request, response) => {
    // isolation is what gives a page shared memory
    response.setHeader('Cross-Origin-Opener-Policy', 'same-origin')
    response.setHeader('Cross-Origin-Embedder-Policy', 'require-corp')
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/') response.setHeader('Content-Type', 'text/html').end(page)
    else {
      readModule(pathname).then(
        (body) => response.setHeader('Content-Type', types[extname(pathname)] ?? '').end(body),
        () => response.writeHead(404).end(),
      )
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() }
}

async function readModule(pathname: string): Promise<Uint8Array | string> {
  const bytes = await readFile(join(root, pathname))
  return extname(pathname) === '.ts' ? stripTypeScriptTypes(bytes.toString()) : bytes
}
