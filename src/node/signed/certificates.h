// Who has left for good and is to be certified to own nothing. That it is stands in a member's
// record, so when the host that is about it goes, another one or its next life begins anew.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "base/host_life.h"
#include "base/key.h"
#include "base/time.h"

namespace phoenix {

// A member that this host certifies; or the host itself, which works no more.
struct Leaver {
  enum class Phase : uint8_t {
    kAsks,     // whether every host that may commit knows of its end and has nothing of it
    kLooks,    // whether the store has packets of it
    kReads,    // how long the logs are
    kWrites,   // it is signed
    kWriting,  // and on its way to the store
  };
  uint64_t id = 0;
  bool is_host = false;  // then it has no key
  MemberKey key;
  uint64_t incarnation = 0;
  Phase phase = Phase::kAsks;
  std::set<HostLife> asked;  // to say that nothing of it is theirs
  std::set<HostLife> said;   // of these
  Instant agreed = kNever;   // since when all that were known to live have said so
  uint64_t query = 0;        // of the store, in which it is asked about; 0: in none
  std::string envelope;
};
// As a keeper that was asked.
struct AskedParting {
  HostLife by;
  MemberKey key;
  uint64_t incarnation = 0;
  bool operator==(const AskedParting&) const = default;
};

struct Certificates {
  static constexpr size_t kMost = 4096;  // of each at a time; more members wait for their turn
  std::deque<Leaver> leavers;
  std::deque<AskedParting> asked;
  std::set<MemberKey> owed;     // whose records are marked, whoever is to certify them
  std::vector<MemberKey> news;  // of these, not looked at yet
  bool look_at_all = false;     // who is to certify them may have changed
  bool full = false;            // some have to wait
  uint64_t last_id = 0;
  bool works = true;  // this host; false: it drives nothing any more

  // Every life that may commit, as the store had it after `lives_at`.
  std::vector<HostLife> lives;
  Instant lives_at{};

  uint64_t look = 0;   // HeldQuery under way; 0: none
  uint64_t read = 0;   // Output.wanted_heads under way; 0: none
  Instant again_at{};  // nothing is asked or written before
  bool empty() const {
    return leavers.empty() && asked.empty() && news.empty() && !look_at_all && !full;
  }
  // When something is to be done that no input brings about.
  Instant next(Instant now) const { return !leavers.empty() && again_at > now ? again_at : kNever; }
};

}  // namespace phoenix
