// The Python face of the kernels: one module a vector width, the same names in each.
#include "bind.h"

NB_MODULE(BURLY_MODULE, m) {
  m.doc() = "burly's kernels for one vector width";
  burly::register_team(m);
  burly::register_rows(m);
  burly::register_linear_algebra(m);
  burly::register_elementary(m);
  burly::register_logistic(m);
  burly::register_kmeans_lloyd(m);
  burly::register_kmeans_assign(m);
  burly::register_kmeans_seed(m);
}
