#include "bind.h"

namespace burly {

namespace logistic {
void register_dense(nb::module_& m);
void register_predict(nb::module_& m);
void register_sparse(nb::module_& m);
}

void register_logistic(nb::module_& m) {
  logistic::register_dense(m);
  logistic::register_predict(m);
  logistic::register_sparse(m);
}

}  // namespace burly
