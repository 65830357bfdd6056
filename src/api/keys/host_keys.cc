// The keys of the pool's hosts: which there are, and how a new host gets its own signed by the
// pool's root. The join token is all the credentials that a new host has, so its route asks for no
// other; whoever has none learns nothing there.

#include <optional>
#include <string>

#include "api/codec/encode.h"
#include "api/routes/routes.h"
#include "base/bytes_text.h"
#include "base/json/fields.h"
#include "base/json/json_writer.h"
#include "runtime/recorder/flight_recorder.h"
#include "runtime/recorder/key_facts.h"
#include "runtime/recorder/root_desk.h"

namespace phoenix {
namespace {

constexpr int64_t kUsualTokenSeconds = 3'600;

void write_key(json::Writer& writer, const lineage::NamedKey& key, const std::string& grant) {
  writer.begin_object();
  writer.field("role", lineage::role_name(key.role));
  writer.field("name", key.name);
  writer.field("keyId", key.key.id());
  writer.field("publicKey", lineage::render_public(key));
  if (!grant.empty()) writer.field("grant", base64_text(grant));
  writer.end_object();
}

using Facts = std::vector<std::pair<std::string, std::string>>;

std::string keys_body(const std::string& pool, const Facts& facts) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.field("pool", pool);
  writer.key("items");
  writer.begin_array();
  for (const auto& [name, text] : facts) {
    if (name == kRootKeyFact) {
      if (const auto root = lineage::parse_public(text)) write_key(writer, *root, {});
    } else if (const auto host = HostKeyFact::parse(text)) {
      write_key(writer, host->key, host->grant);
    }
  }
  writer.end_array();
  writer.end_object();
  return body;
}

// Of all hosts that have used this store, and of the pool's root.
void get_keys(const RestCallPtr& call) {
  if (call->host().recorder() == nullptr) {
    return call->fail(
        fail(ErrorKind::kNotFound, "this host has no key, and so no flight recorder").value());
  }
  call->host().read<Facts>(
      [](Reader& reader) -> Result<Facts> {
        auto facts = reader.facts(kRootKeyFact);
        if (!facts) return facts;
        auto hosts = reader.facts(kHostKeyFact);
        if (!hosts) return hosts;
        facts->insert(facts->end(), hosts->begin(), hosts->end());
        return facts;
      },
      [call](Result<Facts> facts) {
        if (!facts) return call->fail(facts.error());
        call->respond(200, keys_body(call->host().pool(), *facts));
      });
}

// Null: the call was answered.
const RootDesk* desk_of(const RestCallPtr& call) {
  const RootDesk* desk = call->options().root;
  if (desk == nullptr) {
    call->fail(fail(ErrorKind::kWrongState, "this host keeps no keys, as it has no store").value());
  }
  return desk;
}

struct TokenWish {
  int64_t ttl_seconds = kUsualTokenSeconds;
};
constexpr json::Field<TokenWish> kTokenFields[] = {
    {"ttlSeconds",
     [](TokenWish& d, const json::Value& v, const json::Path& p, json::Faults& f) {
       d.ttl_seconds = json::read_integer(v, p, f, 1, RootDesk::kLongestToken.ms() / 1'000)
                           .value_or(kUsualTokenSeconds);
     }},
};

void post_join_token(const RestCallPtr& call) {
  const auto document = call->document();
  if (!document) return call->fail(document.error());
  TokenWish wish;
  json::Faults faults;
  json::read_object(kTokenFields, wish, document->root(), {}, faults);
  if (faults.any()) return call->fail(faults.error());
  const RootDesk* const desk = desk_of(call);
  if (desk == nullptr) return;
  const auto made =
      desk->make_token(call->parameter(0), seconds(wish.ttl_seconds), call->now().wall);
  if (!made) return call->fail(made.error());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.field("host", call->parameter(0));
  writer.field("token", made->token);
  writer.time_or_null("expiresAt", made->expires_at);
  writer.end_object();
  call->respond(201, std::move(body));
}

struct GrantWish {
  std::string request;  // envelope
};
constexpr json::Field<GrantWish> kGrantFields[] = {
    {"request",
     [](GrantWish& d, const json::Value& v, const json::Path& p, json::Faults& f) {
       if (auto request = json::read_base64(v, p, f)) d.request = std::move(*request);
     }},
};

void post_key_grant(const RestCallPtr& call) {
  const auto document = call->document();
  if (!document) return call->fail(document.error());
  GrantWish wish;
  json::Faults faults;
  json::read_object(kGrantFields, wish, document->root(), {}, faults);
  if (!faults.any() && wish.request.empty()) {
    faults.add("/request", "is required: what `phoenix host enroll` makes of a join token");
  }
  if (faults.any()) return call->fail(faults.error());
  const RootDesk* const desk = desk_of(call);
  if (desk == nullptr) return;
  const auto granted = desk->grant(call->parameter(0), wish.request, call->now().wall);
  if (!granted) {
    call->host().refused(Caller{}, granted.error().reason_code);
    return call->fail(granted.error());
  }
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.field("host", call->parameter(0));
  writer.field("grant", base64_text(granted->grant));
  writer.field("root", lineage::render_public(granted->root));
  writer.end_object();
  call->respond(200, std::move(body));
}

}  // namespace

void add_key_routes(std::vector<Route>& table) {
  table.push_back({"GET", "/v1/audit/keys", get_keys, Access::kRole, kOperator, BodyRule::kNone});
  table.push_back({"POST", "/v1/hosts/{name}/join-token", post_join_token, Access::kRole, kAdmin,
                   BodyRule::kOptional});
  table.push_back({"POST", "/v1/hosts/{name}/key-grant", post_key_grant, Access::kEveryone, kReader,
                   BodyRule::kJson});
}

}  // namespace phoenix
