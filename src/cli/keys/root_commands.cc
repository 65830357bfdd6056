#include "cli/keys/root_commands.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "base/bytes_text.h"
#include "base/key.h"
#include "cli/context.h"
#include "cli/keys/key_files.h"
#include "cli/serve/serve_parts.h"
#include "cli/table.h"
#include "lineage/form/statements.h"
#include "runtime/files.h"
#include "runtime/gossip/documents.h"
#include "runtime/recorder/host_key.h"
#include "runtime/recorder/join_token.h"
#include "runtime/recorder/root_desk.h"

namespace phoenix::cli {
namespace {

using lineage::KeyRole;
namespace fs = std::filesystem;

constexpr const char* kUsualFolder = ".phoenixflight";
constexpr size_t kMaxPoolFile = 4'096;

tl::unexpected<Failure> failed(std::string what, std::string why, std::string next = {},
                               int exit_code = kExitFailed) {
  return tl::unexpected(Failure{exit_code, std::move(what), std::move(why), std::move(next), ""});
}

// The root's word for a host's key, beside that key or in a folder that is made for it.
Outcome<int> write_grant(const std::string& what, const std::string& folder,
                         const std::string& grant, const lineage::NamedKey& root) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return failed(what, "cannot make the folder " + folder + ": " + error.message());
  for (const auto& [name, text] : {std::pair{kRootPublicKeyFile, lineage::render_public(root)},
                                   std::pair{kHostGrantFile, render_grant(grant)}}) {
    if (auto done = replace_file(folder + "/" + name, text); !done) {
      return failed(what, done.error().detail);
    }
  }
  return kExitDone;
}

void print_grant(Context& context, const lineage::NamedKey& host, const lineage::NamedKey& root,
                 const std::string& folder) {
  Json document = Json::object();
  document.set("host", Json::string(host.name))
      .set("keyId", Json::string(host.key.id()))
      .set("pool", Json::string(root.name))
      .set("root", Json::string(root.key.id()))
      .set("path", Json::string(folder + "/" + kHostGrantFile));
  const std::string sheet = render_sheet({{"Host", host.name},
                                          {"Key", host.key.id()},
                                          {"Pool", root.name},
                                          {"Signed by root", root.key.id()},
                                          {"File", harmless(folder + "/" + kHostGrantFile)}},
                                         context.out.color());
  print_answer(context, document, host.key.id(), sheet);
}

// --- key root new ---------------------------------------------------------------------------

struct RootOptions {
  std::string folder = kUsualFolder;
  std::optional<std::string> pool;
};

// A root's key names its pool: as told, as the folder has it, or as a host answers.
Outcome<std::string> pool_of(Context& context, const std::string& what,
                             const RootOptions& options) {
  if (options.pool) {
    if (valid_id(*options.pool)) return *options.pool;
    return tl::unexpected(wrong_use(what, "--pool: \"" + harmless(*options.pool) + "\" is no id",
                                    "a host tells it: phoenix audit keys -o json"));
  }
  const auto text = read_whole(options.folder + "/pool.json", kMaxPoolFile);
  if (text && *text) {
    if (const auto names = gossip::parse_pool_names(**text)) return names->pool;
  }
  auto reply = context.api.get(what, Target({"audit", "keys"}));
  if (!reply) return tl::unexpected(reply.error());
  const std::string pool = reply->json["pool"].text();
  if (valid_id(pool)) return pool;
  return failed(what, "the host does not tell which pool it is of", "name it: --pool ID");
}

Outcome<int> new_root(Context& context, const RootOptions& options) {
  const std::string what = "cannot make a root key";
  const auto pool = pool_of(context, what, options);
  if (!pool) return tl::unexpected(pool.error());
  const auto made = make_key(options.folder, KeyRole::kRoot, *pool, "root");
  if (!made) return tl::unexpected(made.error());
  print_answer(context, key_document(*made), made->key.key.id(),
               key_sheet(*made, context.out.color()));
  const std::string own = options.folder + "/" + kHostPublicKeyFile;
  if (fs::exists(own)) {
    context.out.remark(
        "start the host of this folder again: the pool then goes by this root, and "
        "takes no host whose key it has not signed");
  } else {
    context.out.remark("sign the hosts' keys with it: phoenix key sign-host DATA/host.pub --root " +
                       options.folder + "/root.key");
  }
  return kExitDone;
}

// --- key sign-host --------------------------------------------------------------------------

struct SignOptions {
  std::string root;
  std::optional<std::string> out;
};

Outcome<int> sign_host(Context& context, const SignOptions& options, const std::string& path) {
  const std::string what = "cannot sign the host's key";
  const auto host = read_key(path);
  if (!host) return tl::unexpected(host.error());
  if (host->secret || host->key.role != KeyRole::kHost) {
    return tl::unexpected(wrong_use(what, path + " is no public key of a host",
                                    "it is host.pub in the host's data folder"));
  }
  const auto root = read_secret_key(options.root);
  if (!root) return tl::unexpected(root.error());
  if (root->role != KeyRole::kRoot) {
    return tl::unexpected(
        wrong_use(what, options.root + " is no root's key", "make one: phoenix key root new"));
  }
  const fs::path beside = fs::path(path).parent_path();
  const std::string folder = options.out.value_or(beside.empty() ? "." : beside.string());
  const lineage::KeyGrant grant{root->name, host->key.name, host->key.key, wall_now_ms()};
  const lineage::NamedKey open{root->role, root->name, root->pair.public_key()};
  auto done = write_grant(what, folder, lineage::sign(root->pair, grant), open);
  if (!done) return done;
  print_grant(context, host->key, open, folder);
  return kExitDone;
}

// --- host join-token, host enroll -----------------------------------------------------------

Outcome<int> join_token(Context& context, const std::string& host, Duration life) {
  Json body = Json::object();
  body.set("ttlSeconds", Json::number(std::max<int64_t>(1, life.ms() / 1'000)));
  auto reply = context.api.post(fmt::format("cannot make a join token for host {}", host),
                                Target({"hosts", host, "join-token"}), body);
  if (!reply) return tl::unexpected(reply.error());
  print_answer(context, *reply, reply->json["token"].text(), reply->json["token"].text() + "\n");
  context.out.remark(
      fmt::format("it is secret; on the machine of {}, before its start: phoenix "
                  "--url {} host enroll --name {} --join-token FILE",
                  host, context.api.url(), host));
  return kExitDone;
}

struct EnrollOptions {
  ServeOptions host;
  std::string token;
};

// The answer, if it is what the token promises.
Outcome<std::pair<std::string, lineage::NamedKey>> granted(const std::string& what,
                                                           const Json& answer,
                                                           const JoinToken& token,
                                                           const lineage::NamedKeyPair& key) {
  const std::string next = "ask whoever gave the token";
  const auto root = lineage::parse_public(answer["root"].text());
  if (!root || root->role != KeyRole::kRoot || root->name != token.pool ||
      fingerprint_of_key(root->key) != token.root) {
    return failed(what, "the host answers for another root than the token names", next,
                  kExitUnverified);
  }
  auto grant = parse_grant(answer["grant"].text());
  const lineage::NamedKey own{key.role, key.name, key.pair.public_key()};
  if (!grant || fault_of_grant(*grant, *root, own)) {
    return failed(what, "the host's answer is not this root's word for this key", next,
                  kExitUnverified);
  }
  return std::pair{*std::move(grant), *root};
}

Outcome<int> enroll(Context& context, const EnrollOptions& options) {
  const std::string what = "cannot get the host's key signed";
  auto text = read_input(options.token, kMaxPoolFile, what);
  if (!text) return tl::unexpected(text.error());
  while (text->ends_with('\n')) text->pop_back();
  const auto token = JoinToken::parse(*text);
  lineage::wipe(*text);
  if (!token) {
    return tl::unexpected(wrong_use(what, options.token + " holds no join token",
                                    "get one: phoenix host join-token HOST"));
  }
  const auto folder = DataFolder::open(options.host.data_dir);
  if (!folder) return failed(what, folder.error().detail);
  const auto key = take_host_key(*folder, host_name(options.host));
  if (!key) return failed(what, key.error().detail);
  Json body = Json::object();
  body.set("request", Json::string(base64_text(make_key_request(*token, key->name, key->pair))));
  auto reply = context.api.post(what, Target({"hosts", key->name, "key-grant"}), body);
  if (!reply) return tl::unexpected(reply.error());
  const auto grant = granted(what, reply->json, *token, *key);
  if (!grant) return tl::unexpected(grant.error());
  auto done = write_grant(what, options.host.data_dir, grant->first, grant->second);
  if (!done) return done;
  print_grant(context, {key->role, key->name, key->pair.public_key()}, grant->second,
              options.host.data_dir);
  return kExitDone;
}

// --- the verbs ------------------------------------------------------------------------------

void add_new_root(std::vector<Command>& table) {
  const auto options = std::make_shared<RootOptions>();
  Command command;
  command.path = "key root new";
  command.summary = "the root key of a pool, which says which keys are its hosts'";
  command.usage = "[--data DIR] [--pool ID]";
  command.detail =
      "Writes root.key, readable by you alone, and root.pub. In the data folder of the first host\n"
      "it serves join tokens; a folder on a stick is safer, and signs by `key sign-host`. From "
      "the\n"
      "next start of a host that has root.pub on, the pool takes no host without a signed key, "
      "and\n"
      "who verifies needs no other public key than root.pub.";
  command.example = "phoenix key root new --data /mnt/stick --pool 5d41402abc4b2a76";
  command.flags.push_back(
      text_flag("--data", "DIR", &options->folder, "where its files go (.phoenixflight)"));
  command.flags.push_back(
      optional_text_flag("--pool", "ID", &options->pool, "of which pool (of that folder's host)"));
  command.run = [options](Context& context) {
    return finish(context, new_root(context, *options));
  };
  table.push_back(std::move(command));
}

void add_sign_host(std::vector<Command>& table) {
  const auto options = std::make_shared<SignOptions>();
  const auto words = std::make_shared<std::vector<std::string>>();
  Command command;
  command.path = "key sign-host";
  command.summary = "sign a host's public key with the pool's root key; needs no host";
  command.usage = "HOST.pub --root root.key [--out DIR]";
  command.detail =
      "Writes host.grant and root.pub beside HOST.pub, or into DIR: both belong into the data\n"
      "folder of that host, which takes them at its next start.";
  command.example = "phoenix key sign-host host-b/host.pub --root /mnt/stick/root.key";
  Flag root = text_flag("--root", "FILE", &options->root, "the root's secret key");
  root.required = true;
  command.flags.push_back(std::move(root));
  command.flags.push_back(
      optional_text_flag("--out", "DIR", &options->out, "where its files go (beside HOST.pub)"));
  command.words_name = "HOST.pub";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [options, words](Context& context) {
    return finish(context, sign_host(context, *options, words->front()));
  };
  table.push_back(std::move(command));
}

void add_join_token(std::vector<Command>& table) {
  const auto words = std::make_shared<std::vector<std::string>>();
  const auto life = std::make_shared<Duration>(seconds(3'600));
  Command command;
  command.path = "host join-token";
  command.summary = "a secret with which a new host gets its key signed, once";
  command.usage = "HOST [--ttl 1h]";
  command.detail =
      "Asks the host that keeps the pool's root key. Good for that host name, for one key, until\n"
      "its time is over. Hand it over as a file: a command line can be read by others.";
  command.example = "phoenix host join-token host-b > host-b.token";
  command.flags.push_back(
      duration_flag("--ttl", "1h", life.get(), "how long it is good, 30 days at most (1h)"));
  command.words_name = "HOST";
  command.words_min = command.words_max = 1;
  command.words = words.get();
  command.run = [words, life](Context& context) {
    return finish(context, join_token(context, words->front(), *life));
  };
  table.push_back(std::move(command));
}

void add_enroll(std::vector<Command>& table) {
  const auto options = std::make_shared<EnrollOptions>();
  Command command;
  command.path = "host enroll";
  command.summary = "get the key of a new host signed by the pool's root, before its first start";
  command.usage = "--join-token FILE [--name NAME] [--data DIR]";
  command.detail =
      "Makes the host's key if there is none, and asks the host at --url, which keeps the root's.\n"
      "The token does not travel, and the answer is checked against the root that it names.";
  command.example =
      "phoenix --url http://10.0.0.1:7400 host enroll --name host-b --join-token host-b.token";
  Flag token = text_flag("--join-token", "FILE", &options->token, "what `host join-token` printed");
  token.required = true;
  command.flags.push_back(std::move(token));
  command.flags.push_back(text_flag("--name", "NAME", &options->host.name,
                                    "as it will be served (this machine's host name)"));
  command.flags.push_back(
      text_flag("--data", "DIR", &options->host.data_dir, "its data folder (.phoenixflight)"));
  command.run = [options](Context& context) { return finish(context, enroll(context, *options)); };
  table.push_back(std::move(command));
}

}  // namespace

void add_root_commands(std::vector<Command>& table) {
  add_new_root(table);
  add_sign_host(table);
  add_join_token(table);
  add_enroll(table);
}

}  // namespace phoenix::cli
