// The key of the workers of one folder: DIR/worker.key, readable by its owner alone, and
// DIR/worker.pub for whoever verifies. Made at the first start; of several that start at once, one
// makes it and the others take that one.
#pragma once

#include <memory>
#include <string>

#include "base/error.h"
#include "lineage/crypto/key.h"

namespace phoenix::worker {

// `member`: "namespace/id" of who asks; stands in the file of who made it, for people. Errors name
// the file and the remedy.
Result<std::shared_ptr<const lineage::KeyPair>> take_worker_key(const std::string& folder,
                                                                const std::string& member);

}  // namespace phoenix::worker
