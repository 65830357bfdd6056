#include "lineage/audit/drain_book.h"

#include <algorithm>
#include <tuple>

namespace phoenix::lineage {
namespace {

std::string name_of(std::string_view member, uint64_t incarnation) {
  return std::string(member).append(1, '#').append(std::to_string(incarnation));
}
std::string name_of(uint64_t log) { return name_of("", log); }

Fault broken(const std::string& who, const Place& place) {
  return {"drain-broken", who + " was certified to be done, and owns or gives work here", place};
}

void raise(std::vector<Place>& last, const Place& place) {
  const auto it = std::find_if(last.begin(), last.end(),
                               [&place](const Place& one) { return one.log == place.log; });
  if (it == last.end()) {
    last.push_back(place);
  } else if (it->position < place.position) {
    *it = place;
  }
}

}  // namespace

bool DrainBook::breaks(const Heads& heads, const Place& place) {
  const auto it = heads.find(place.log);
  return place.position >= (it == heads.end() ? 0 : it->second);
}

Finding DrainBook::check(const std::string& who, const Heads& heads,
                         const std::vector<Place>& last) const {
  for (const Place& place : last) {
    if (breaks(heads, place)) return broken(who, place);
  }
  return std::nullopt;
}

Finding DrainBook::assigned(const Entry& entry, const Place& place) {
  const Party& to = *entry.leg->to;
  for (const std::string& who :
       {name_of(entry.ns + "/" + to.id, to.incarnation), name_of(place.log)}) {
    const auto certified = certificates_.find(who);
    if (certified != certificates_.end() && breaks(certified->second, place)) {
      return broken(who, place);
    }
    raise(last_[who], place);
  }
  return std::nullopt;
}

Finding DrainBook::certified(const Entry& entry, const Place& place) {
  const auto find = [&](std::string_view key_id) -> const PublicKey* {
    const KeyBook::HostKey* const host = keys_.host_key(key_id, place);
    return host == nullptr ? nullptr : &host->key;
  };
  const auto opened = open<DrainCertificate>(entry.certificate, find);
  if (!opened && opened.error().reason_code == "unknown-key") {
    ++unproved_;
    return std::nullopt;
  }
  if (!opened) return Fault{opened.error().reason_code, opened.error().detail, place};
  const DrainCertificate& said = opened->statement;
  if (said.pool != pool_ || said.ns != entry.ns || said.id != entry.subject) {
    return Fault{"wrong-certificate", "the certificate is for " + said.ns + "/" + said.id, place};
  }
  Heads heads;
  for (const LogHead& head : said.heads) heads[head.log] = head.size;
  std::string who;
  if (said.ns.empty()) {
    // A host: its own log assigns nothing from there on. Others are not its business.
    who = name_of(said.incarnation);
  } else {
    who = name_of(said.ns + "/" + said.id, said.incarnation);
  }
  const auto last = last_.find(who);
  if (last != last_.end()) {
    if (Finding fault = check(who, heads, last->second)) return fault;
  }
  certificates_[who] = std::move(heads);
  return std::nullopt;
}

Finding DrainBook::finish(const PacketChains& chains) const {
  Finding first;
  if (certificates_.empty()) return first;
  chains.each_owner([&](const std::string& packet, const Party& owner, const Place& place) {
    const std::string ns = packet.substr(0, packet.find('/'));
    const std::string who = name_of(ns + "/" + owner.id, owner.incarnation);
    if (certificates_.count(who) == 0) return;
    if (!first ||
        std::tie(place.log, place.position) < std::tie(first->place->log, first->place->position)) {
      first = broken(who, place);
    }
  });
  return first;
}

}  // namespace phoenix::lineage
