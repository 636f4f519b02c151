import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A node's RPC in whose answers one text stands for another. */
export async function lyingRpc(rpcUrl: string, [truth, lie]: readonly [string, string]) {
  const server = createServer((request, response) => void reply(request, response))
  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await answer(request)
    response.writeHead(200, { 'content-type': 'application/json' }).end(text)
  }
  async function answer(request: AsyncIterable<Buffer>): Promise<string> {
    const body = Buffer.concat(await Array.fromAsync(request))
    const headers = { 'content-type': 'application/json' }
    const asked = await fetch(rpcUrl, { method: 'POST', headers, body })
    return (await asked.text()).replaceAll(truth, lie)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => new Promise<void>((resolve) => void server.close(() => resolve()))
  return { url: `http://127.0.0.1:${port}`, close }
}
