// The original's state, brought to a host: members that are driven by hand, packets that go on,
// owners and checkpoints. What is imported carries labels that say of which record it is, so doing
// it again finds it and changes nothing, wherever the host has gone on from there.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/apps/app_packets.h"
#include "cli/import/original_state.h"

namespace phoenix::cli {

// Which record a thing is of: the hash of that record's first entry.
inline constexpr const char* kImportedLabel = "phoenixflight.io/imported";
// The hash of its last entry when the thing was imported.
inline constexpr const char* kAuditLabel = "phoenixflight.io/imported-audit";

struct ImportRow {
  enum class Verb : uint8_t { kCreate, kKeep, kLeave, kRefuse };

  Verb verb = Verb::kLeave;
  bool member = false;  // else a packet
  std::string ns;
  std::string id;
  std::string detail;  // why it is left, what is with it
};
const char* verb_name(ImportRow::Verb verb);

class Importer {
 public:
  Importer(AppHost& host, const OriginalState& state) : host_(host), state_(state) {}

  // What would be done, by what the host has now. In the order of doing it.
  Outcome<std::vector<ImportRow>> plan();
  // Does it. Rows that failed become kRefuse; a Failure ends it where no host answers.
  Outcome<int> carry_out(std::vector<ImportRow>& plan);

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, id

  Outcome<int> plan_member(const OriginalMember& member, std::vector<ImportRow>* plan);
  Outcome<int> plan_packet(const OriginalPacket& packet, std::vector<ImportRow>* plan);
  // What the host has under that id; null if nothing.
  Outcome<Json> find(const char* things, const std::string& ns, const std::string& id);
  bool imported_from_here(const Json& thing) const;
  Json labels() const;
  Json member_body(const OriginalMember& member) const;
  Json packet_body(const OriginalPacket& packet, bool owned) const;
  Outcome<int> create_member(ImportRow& row);
  Outcome<int> create_packet(ImportRow& row);
  Outcome<int> give_to_owner(const OriginalPacket& packet, ImportRow& row);
  // Refused is the row's affair; without a host the rest is no use.
  Outcome<int> settle(const Outcome<Reply>& reply, ImportRow& row) const;

  AppHost& host_;
  const OriginalState& state_;
  std::map<Key, const OriginalMember*> members_;  // that can own something
  std::map<Key, const OriginalPacket*> packets_;
};

}  // namespace phoenix::cli
