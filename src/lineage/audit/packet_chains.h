// The chain of legs of every packet, whatever logs they stand in and in whatever order those are
// read. Of each packet it keeps the unbroken runs of legs seen so far, by their two ends; a run
// grows and two runs join when the leg between them comes. So the memory is that of the packets,
// and a packet whose keeper never changed is one run at all times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lineage/audit/fault.h"
#include "lineage/form/entry.h"

namespace phoenix::lineage {

// How far a live packet's epoch is raised when its store was restored from a backup and adopted.
inline constexpr uint64_t kAdoptedEpochs = uint64_t{1} << 20;

class PacketChains {
 public:
  // The leg of this entry, whose leaf hash is given.
  Finding add(const Entry& entry, const Digest& hash, const Place& place);

  struct Summary {
    uint64_t packets = 0;
    uint64_t ended = 0;    // their last leg is terminal
    uint64_t partial = 0;  // legs are missing, which only a pruned log explains
  };
  // At the end. `pruned`: some log begins later than with its first entry.
  Finding finish(bool pruned, Summary& summary) const;

  // Who holds each packet at the end of what was read, in no particular order.
  template <class Visit>
  void each_owner(Visit visit) const {
    // order-free: visitors look for the least place.
    for (const auto& [packet, runs] : packets_) {
      const Run& run = runs.back();
      if (run.last.to) visit(packet, *run.last.to, run.last.place);
    }
  }

 private:
  // What the next leg has to fit.
  struct Link {
    uint64_t number = 0;
    uint64_t epoch = 0;
    Digest hash{};
    std::optional<Party> to;
    std::optional<End> end;
    Place place;
  };
  // What the leg before has to fit.
  struct Demand {
    uint64_t number = 0;
    uint64_t epoch = 0;
    Digest previous{};
    std::optional<Party> from;
    bool grants = false;
    bool retries = false;
    Place place;
  };
  struct Run {
    Demand first;
    Link last;
  };
  static Finding fit(const std::string& packet, const Link& before, const Demand& after);
  static Finding begin(const std::string& packet, const Demand& first);
  // Ascending, with gaps between.
  std::unordered_map<std::string, std::vector<Run>> packets_;
};

}  // namespace phoenix::lineage
