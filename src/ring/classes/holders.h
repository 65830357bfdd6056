// Who of the members that have joined has which capability, and which classes ask for it.
#pragma once

#include <span>
#include <vector>

#include "ring/classes/capabilities.h"
#include "ring/classes/member_set.h"

namespace phoenix::ring {

class Holders {
 public:
  struct Of {
    MemberSet members;
    std::vector<ClassId> classes;  // to look at when a holder comes or goes
  };

  Of& operator[](CapabilityId id) {
    if (id >= of_.size()) of_.resize(id + 1);
    return of_[id];
  }
  const MemberSet& members(CapabilityId id) const {
    static const MemberSet nobody;
    return id < of_.size() ? of_[id].members : nobody;
  }
  std::span<const ClassId> classes(CapabilityId id) const {
    return id < of_.size() ? std::span<const ClassId>(of_[id].classes) : std::span<const ClassId>();
  }
  size_t bytes() const {
    size_t total = of_.capacity() * sizeof(Of);
    for (const Of& of : of_) total += of.members.bytes() + of.classes.capacity() * sizeof(ClassId);
    return total;
  }

 private:
  std::vector<Of> of_;
};

}  // namespace phoenix::ring
