// The yardstick of test/bench/gemm.ts: the exact product in C, as clang's vectors and inlining do it best.
// C = op(A) op(B), sum over k ascending; A packed in panels of 4 rows, B in panels of 8 columns.
#include <wasm_simd128.h>

enum { KC = 256, MC = 64, NC = 1024 };
static float panel_a[MC * KC] __attribute__((aligned(16)));
static float panel_b[KC * NC] __attribute__((aligned(16)));

typedef struct {
  const float *at;
  int row, column; // strides in floats
} View;

static int least(int a, int b) { return a < b ? a : b; }

// lanes x count values become [count][width]; lanes beyond `lanes` are 0.
static void pack(float *to, const float *from, int lane_stride, int k_stride, int lanes, int width, int count) {
  if (lanes == width && lane_stride == 1) {
    for (int k = 0; k < count; k += 1, from += k_stride, to += width)
      for (int lane = 0; lane < width; lane += 4)
        wasm_v128_store(to + lane, wasm_v128_load(from + lane));
    return;
  }
  for (int k = 0; k < count; k += 1, from += k_stride)
    for (int lane = 0; lane < width; lane += 1)
      *to++ = lane < lanes ? from[lane * lane_stride] : 0;
}

static void tile(int count, const float *a, const float *b, float *c, int row, int is_first) {
  v128_t sum[4][2];
  for (int i = 0; i < 4; i += 1)
    for (int j = 0; j < 2; j += 1)
      sum[i][j] = is_first ? wasm_f32x4_splat(0) : wasm_v128_load(c + i * row + 4 * j);
  for (int k = 0; k < count; k += 1, a += 4, b += 8) {
    const v128_t left = wasm_v128_load(b), right = wasm_v128_load(b + 4);
    for (int i = 0; i < 4; i += 1) {
      const v128_t factor = wasm_v128_load32_splat(a + i);
      sum[i][0] = wasm_f32x4_add(sum[i][0], wasm_f32x4_mul(factor, left));
      sum[i][1] = wasm_f32x4_add(sum[i][1], wasm_f32x4_mul(factor, right));
    }
  }
  for (int i = 0; i < 4; i += 1)
    for (int j = 0; j < 2; j += 1) wasm_v128_store(c + i * row + 4 * j, sum[i][j]);
}

static void edge(int count, const float *a, const float *b, float *c, int row, int rows, int columns, int is_first) {
  float whole[32];
  for (int i = 0; i < 4; i += 1)
    for (int j = 0; j < 8; j += 1)
      whole[8 * i + j] = i < rows && j < columns && !is_first ? c[i * row + j] : 0;
  tile(count, a, b, whole, 8, is_first);
  for (int i = 0; i < rows; i += 1)
    for (int j = 0; j < columns; j += 1) c[i * row + j] = whole[8 * i + j];
}

static void block(int rows, int columns, int count, float *c, int row, int is_first) {
  for (int j = 0; j < columns; j += 8)
    for (int i = 0; i < rows; i += 4) {
      const float *a = panel_a + i * count, *b = panel_b + j * count;
      float *at = c + i * row + j;
      if (rows - i >= 4 && columns - j >= 8) tile(count, a, b, at, row, is_first);
      else edge(count, a, b, at, row, least(4, rows - i), least(8, columns - j), is_first);
    }
}

__attribute__((export_name("gemm"))) void gemm(int m, int n, int k, const float *a, int a_row, int a_column,
                                               const float *b, int b_row, int b_column, float *c, int row) {
  for (int jc = 0; jc < n; jc += NC)
    for (int pc = 0; pc < k; pc += KC) {
      const int columns = least(NC, n - jc), count = least(KC, k - pc);
      for (int j = 0; j < columns; j += 8)
        pack(panel_b + j * count, b + pc * b_row + (jc + j) * b_column, b_column, b_row, least(8, columns - j), 8,
             count);
      for (int ic = 0; ic < m; ic += MC) {
        const int rows = least(MC, m - ic);
        for (int i = 0; i < rows; i += 4)
          pack(panel_a + i * count, a + (ic + i) * a_row + pc * a_column, a_row, a_column, least(4, rows - i), 4,
               count);
        block(rows, columns, count, c + ic * row + jc, row, pc == 0);
      }
    }
}

extern unsigned char __heap_base;
__attribute__((export_name("heapBase"))) unsigned heap_base(void) { return (unsigned)&__heap_base; }
