// The queries of Serf: who takes part, and what this host answers by itself.
#include <algorithm>

#include "membership/serf/pattern.h"
#include "membership/serf/serf.h"

namespace phoenix::gossip {
namespace {

constexpr std::string_view kInternal = "_serf_";
// Each costs a pattern and a walk over one of our tags.
constexpr size_t kMostTagFilters = 8;
// Serf's own manual calls 5 a lot; the field could say 255.
constexpr uint8_t kMostRelays = 5;

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = i; j < i + 3; ++j) {
      group = group << 8 | (j < bytes.size() ? static_cast<unsigned char>(bytes[j]) : 0u);
    }
    for (size_t digit = 0; digit < 4; ++digit) {
      const bool padding = i + digit > bytes.size();
      text += padding ? '=' : kDigits[group >> (18 - 6 * digit) & 63];
    }
  }
  return text;
}

std::optional<KeyChange> key_change_of(std::string_view query) {
  if (query == "install-key") return KeyChange::kInstall;
  if (query == "use-key") return KeyChange::kUse;
  if (query == "remove-key") return KeyChange::kRemove;
  if (query == "list-keys") return KeyChange::kList;
  return std::nullopt;
}

Result<void> change(Keyring& keyring, const Serf::KeyRequest& request) {
  switch (request.change) {
    case KeyChange::kInstall:
      return keyring.install(request.key);
    case KeyChange::kUse:
      return keyring.use(request.key);
    case KeyChange::kRemove:
      return keyring.remove(request.key);
    case KeyChange::kList:
      break;
  }
  return {};
}

}  // namespace

void Serf::take(const Query& query, std::string_view message, Effects& out) {
  if (!witness(query_clock_, query.ltime)) return;
  if (!is_new(query_log_.add(query.ltime, query.id, query_clock_.time()))) return;
  ++stats_.queries;
  // Passed on whether it is for us or not: others hear of it from us.
  if ((query.flags & kQueryNoBroadcast) == 0) pass_on(RumourKind::kQuery, {}, message, out);
  if (!is_for_us(query)) return;

  const Asker asker{query.ltime, query.id, endpoint_of(query.address, query.port),
                    std::string(query.source_node), query.relay_factor};
  if ((query.flags & kQueryAck) != 0) respond(asker, kResponseIsAck, {}, out);
  answer(query, asker, out);
}

bool Serf::is_for_us(const Query& query) {
  size_t tag_filters = 0;
  for (const std::string_view encoded : query.filters) {
    Filter filter;
    if (!decode_filter(encoded, filter)) {
      ++stats_.refused_filters;
      return false;
    }
    if (filter.kind == Filter::Kind::kNodes) {
      const auto& nodes = filter.nodes;
      if (std::find(nodes.begin(), nodes.end(), options_.name) == nodes.end()) return false;
      continue;
    }
    const auto pattern = Pattern::compile(filter.expression);
    if (!pattern || ++tag_filters > kMostTagFilters) {
      ++stats_.refused_filters;
      return false;
    }
    // A tag that is not there is matched as an empty one, as in Serf.
    if (!pattern->found_in(find_tag(names_.facts(self_).meta, filter.tag))) return false;
  }
  return true;
}

void Serf::answer(const Query& query, const Asker& asker, Effects& out) {
  if (!query.name.starts_with(kInternal)) {
    out.queries.push_back({std::string(query.name), std::string(query.payload), asker});
    return;
  }
  const std::string_view name = query.name.substr(kInternal.size());
  if (name == "ping") return;  // the ack was all
  if (name == "conflict") return answer_conflict(query.payload, asker, out);
  const auto change = key_change_of(name);
  if (!change) {
    ++stats_.unknown_type;
    return;
  }
  KeyRequest request{*change, {}, true, asker};
  if (*change != KeyChange::kList) {
    gossip::KeyRequest asked;
    const bool typed =
        !query.payload.empty() && static_cast<SerfType>(query.payload[0]) == SerfType::kKeyRequest;
    request.readable = typed && decode(query.payload.substr(1), asked);
    if (!request.readable) ++stats_.malformed;
    request.key = std::string(asked.key);
  }
  out.key_requests.push_back(std::move(request));
}

// Where we hold the host of that name to be; about ourselves others have to say. Who does not know
// it says so with a nil, as Serf does.
void Serf::answer_conflict(std::string_view name, const Asker& asker, Effects& out) {
  if (name == options_.name) return;
  const HostNumber host = names_.find(name);
  if (!known(host)) {
    const char nil[] = {static_cast<char>(SerfType::kConflictResponse), '\xc0'};
    respond(asker, 0, {nil, sizeof nil}, out);
    return;
  }
  const HostFacts facts = names_.facts(host);
  ConflictResponse response;
  response.name = facts.name;
  response.address = facts.endpoint.bytes();
  response.port = facts.endpoint.port;
  response.status = static_cast<int>(status(host));
  response.versions = facts.versions;
  TagViews tags;
  if (decode_tags(facts.meta, tags)) response.tags = std::move(tags);
  if (respond(asker, 0, encode(response), out)) return;
  // Whoever asks compares addresses; the tags are the part that can be spared.
  response.tags.clear();
  respond(asker, 0, encode(response), out);
}

bool Serf::carry_out(const KeyRequest& request, Keyring& keyring, Effects& out) {
  KeyResponse response;
  std::string message;
  bool changed = false;
  if (!request.readable) {
    message = "the request is malformed";
  } else if (keyring.empty()) {
    message = "there is no keyring: this host does not encrypt";
  } else if (request.change == KeyChange::kList) {
    list_keys(request.asker, keyring, out);
    return false;
  } else {
    const std::vector<std::string> before = keyring.keys();
    const Result<void> done = change(keyring, request);
    changed = keyring.keys() != before;
    response.result = done.has_value();
    if (!done) message = done.error().detail;
  }
  response.message = message;
  respond(request.asker, 0, encode(response), out);
  return changed;
}

// As many keys as a response has room for, and a remark if that is not all of them.
void Serf::list_keys(const Asker& asker, const Keyring& keyring, Effects& out) {
  std::vector<std::string> texts;
  for (const std::string& key : keyring.keys()) texts.push_back(base64(key));
  KeyResponse response;
  response.result = true;
  response.keys.assign(texts.begin(), texts.end());
  response.primary = texts.front();
  std::string remark;
  while (!respond(asker, 0, encode(response), out) && !response.keys.empty()) {
    response.keys.pop_back();
    remark = "truncated: the first " + std::to_string(response.keys.size()) + " of " +
             std::to_string(texts.size()) + " keys";
    response.message = remark;
  }
}

bool Serf::respond(const Asker& asker, uint32_t flags, std::string_view payload, Effects& out) {
  const std::string response =
      encode(QueryResponse{asker.ltime, asker.id, options_.name, flags, payload});
  if (response.size() > kMaxQueryResponse) return false;
  if (!asker.endpoint.valid()) {
    ++stats_.malformed;
    return true;
  }
  ++stats_.answers;
  out.sends.push_back({asker.endpoint, response});
  relay(asker, response, out);
  return true;
}

// Further ways for an answer, over hosts that are picked at random. Not worth it, says Serf, when
// there are fewer of them than ways.
void Serf::relay(const Asker& asker, std::string_view response, Effects& out) {
  const size_t ways = std::min(asker.relay_factor, kMostRelays);
  if (ways == 0 || known_ < size_t{asker.relay_factor} + 1) return;
  const std::string message =
      encode(Relay{asker.endpoint.bytes(), asker.endpoint.port, asker.node, response});
  if (message.size() > kMaxQueryResponse) return;

  // From a random place on: cheap, and every host has a turn. No host twice, for the walk ends
  // where it began.
  const size_t start = prng_.below(rows_.size());
  size_t found = 0;
  for (size_t i = 0; i < rows_.size() && found < ways; ++i) {
    const auto host = static_cast<HostNumber>((start + i) % rows_.size());
    if (host == self_ || status(host) != HostStatus::kAlive) continue;
    const HostFacts facts = names_.facts(host);
    if (facts.versions.delegate_max < 5) continue;  // would not know the message
    out.sends.push_back({facts.endpoint, message});
    ++found;
  }
}

}  // namespace phoenix::gossip
