#include "bind.h"

namespace burly {

namespace logistic {
void register_dense(nb::module_& m);
}

void register_logistic(nb::module_& m) { logistic::register_dense(m); }

}  // namespace burly
