// Small dense linear algebra for `update`, in one fixed order of operations: the same bits everywhere.
//
// Factors are vectorised across the entries of a row, never across a sum; sums run in sixteen fixed
// lanes. Every multiply-add is fused.
#pragma once

#include <cstdint>

namespace burly {

// Sum of a[i] * b[i], in sixteen lanes that are added pairwise.
double dot(const double* a, const double* b, std::int64_t n);

// y += alpha * x.
void axpy(double alpha, const double* x, double* y, std::int64_t n);

// Factor a symmetric matrix A = U^T U.
//
// a: IN OUT, n rows of n, row by row; the upper triangle is read and replaced by U, the rest is
//    overwritten with scraps.
// A pivot that has lost all its digits (at most `tiny` times the diagonal entry) is replaced by that
// entry, which leaves its unknown to itself; a row without a positive diagonal gets a pivot of 1.
// Returns how many pivots were replaced.
std::int64_t cholesky(double* a, std::int64_t n, double tiny);

// Solve U^T U x = b in place; u: n rows of n, row by row.
void cholesky_solve(const double* u, std::int64_t n, double* b);

// Minimise g.(x - x0) + (x - x0)^T B (x - x0) / 2 + sum l1[j] |x[j]| by cyclic coordinate descent.
//
// b: IN, n rows of n, symmetric, positive diagonal (other coordinates stay as they are).
// slope: IN OUT, g at first, g + B (x - x0) at the end.
// x: IN OUT, x0 at first.
// Sweeps over all coordinates alternate with sweeps over those that are not zero, until no coordinate
// changes its share of the objective by more than `enough`, or after `max_sweeps`. Returns the sweeps.
std::int64_t coordinate_descent(const double* b, const double* l1, std::int64_t n, double enough,
                                std::int64_t max_sweeps, double* slope, double* x);

}  // namespace burly
