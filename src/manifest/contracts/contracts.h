// What a contract of an app says, from its document to the terms that a host checks.
#pragma once

#include "manifest/kinds/fields.h"
#include "policy/contract/source.h"

namespace phoenix::manifest {

// The terms that a `spec`, checked against its table, declares. In v1alpha1 these are the fields
// that the original knew: one of the capabilities is enough, and of the schema the keywords that
// are checked here count.
policy::ContractSource contract_terms(const Fields& spec);

// What no table tells, as errors at their places: paths that are none, terms that contradict.
void check_terms(const policy::ContractSource& terms, const Fields& spec, Findings* findings);

}  // namespace phoenix::manifest
