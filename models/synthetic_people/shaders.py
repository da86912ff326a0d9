"""GLSL of the renderer. One material shader with a `kind` switch: a person has eight layers and few differences."""

KINDS = {"body": 0, "eyes": 1, "teeth": 2, "tongue": 3, "clothes": 4, "hair": 5, "brows": 6, "lashes": 7}

VERTEX = """
#version 330
uniform mat4 view_projection;
uniform mat4 light_projection;
in vec3 in_position; in vec3 in_normal; in vec2 in_uv; in float in_occlusion;
out vec3 position; out vec3 normal; out vec2 uv; out vec4 light_position; out float occlusion;
void main() {
    position = in_position; normal = in_normal; uv = vec2(in_uv.x, 1.0 - in_uv.y); occlusion = in_occlusion;
    light_position = light_projection * vec4(in_position, 1.0);
    gl_Position = view_projection * vec4(in_position, 1.0);
}
"""

FRAGMENT = """
#version 330
uniform sampler2D albedo_map;
uniform sampler2D shadow_map;
uniform int kind;
uniform int pass_kind;            // 0 opaque, 1 the solid part of an alpha layer, 2 its soft rest
uniform vec3 eye;
uniform vec3 key_direction; uniform vec3 key_colour;
uniform vec3 fill_direction; uniform vec3 fill_colour;
uniform vec3 rim_direction; uniform vec3 rim_colour;
uniform vec3 sky; uniform vec3 ground;
uniform vec3 gain; uniform vec3 tint; uniform float tint_amount; uniform float saturation;
uniform float exposure; uniform float shadow_strength; uniform float detail;
uniform vec3 mouth; uniform float mouth_open; uniform vec3 face_forward;
uniform vec3 left_eye; uniform vec3 right_eye; uniform vec3 face_up;
in vec3 position; in vec3 normal; in vec2 uv; in vec4 light_position; in float occlusion;
out vec4 colour;

float hash(vec2 p) { return fract(sin(dot(p, vec2(127.1, 311.7))) * 43758.5453); }
float noise(vec2 p) {
    vec2 i = floor(p), f = fract(p); f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash(i), hash(i + vec2(1, 0)), f.x), mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}
float lit_share() {
    vec3 p = light_position.xyz / light_position.w * 0.5 + 0.5;
    float sum = 0.0; vec2 texel = 1.6 / vec2(textureSize(shadow_map, 0));
    for (int y = -1; y <= 1; y++) for (int x = -1; x <= 1; x++)
        sum += step(p.z - 0.006, texture(shadow_map, p.xy + vec2(x, y) * texel).r);
    return mix(1.0, sum / 9.0, shadow_strength);
}
vec3 wrapped(float cosine, vec3 wrap) { return clamp((vec3(cosine) + wrap) / (1.0 + wrap), 0.0, 1.0); }
float gloss(vec3 n, vec3 v, vec3 l, float roughness) {   // GGX lobe times a cheap visibility term
    vec3 h = normalize(v + l); float a = roughness * roughness;
    float nh = max(dot(n, h), 0.0), nl = max(dot(n, l), 0.0), d = nh * nh * (a * a - 1.0) + 1.0;
    float fresnel = 0.03 + 0.97 * pow(1.0 - max(dot(v, h), 0.0), 5.0);
    return fresnel * a * a / (3.1416 * d * d) * nl / (0.35 + 4.0 * max(dot(n, v), 0.1) * 0.6);
}
float strand(vec3 t, vec3 v, vec3 l, float power) {       // Kajiya-Kay highlight
    float th = dot(t, normalize(v + l)); return pow(sqrt(max(1.0 - th * th, 0.0)), power);
}
vec3 film(vec3 x) { x *= exposure; return clamp((x * (2.3 * x + 0.05)) / (x * (2.05 * x + 0.62) + 0.13), 0.0, 1.0); }

void main() {
    vec4 texel = texture(albedo_map, uv);
    float alpha = (kind <= 4 && kind != 1) ? 1.0 : texel.a;
    if (pass_kind == 1 && alpha < 0.55) discard;
    if (pass_kind == 2 && (alpha >= 0.55 || alpha < 0.02)) discard;
    vec3 albedo = pow(texel.rgb, vec3(2.2));
    albedo = mix(vec3(dot(albedo, vec3(0.3, 0.59, 0.11))), albedo, saturation);
    albedo = mix(albedo, tint * (0.25 + 1.5 * dot(texel.rgb, vec3(0.34))), tint_amount) * gain;

    vec3 v = normalize(eye - position), n = normalize(normal);
    if (dot(n, v) < 0.0 && kind != 0) n = -n;
    float light = lit_share(), ao = occlusion;
    float roughness = 0.5, shine = 0.5; vec3 wrap = vec3(0.05);
    if (kind == 0) {
        float pore = noise(uv * 1700.0) + 0.5 * noise(uv * 3400.0) - 0.75;
        float blotch = noise(uv * 160.0) - 0.5;
        albedo *= 1.0 + detail * (0.10 * pore + 0.06 * blotch * vec3(0.6, 1.0, 1.0));
        n = normalize(n + detail * 0.10 * vec3(noise(uv * 1500.0 + 7.0) - 0.5, noise(uv * 1500.0 + 31.0) - 0.5, 0.0));
        wrap = vec3(0.32, 0.16, 0.11);
        float lip = clamp((texel.r - texel.g) * 4.0 - 0.9, 0.0, 1.0) * smoothstep(0.55, 0.2, distance(position, mouth));
        roughness = mix(0.46, 0.34, lip); shine = mix(0.75, 0.9, lip) * (0.85 + 0.5 * pore * detail);
        float inside = smoothstep(0.10, 0.30, dot(mouth - position, face_forward)) * smoothstep(0.48, 0.30, distance(position, mouth));
        ao *= mix(1.0, 0.10, inside);
    } else if (kind == 2 || kind == 3) {
        float depth = dot(mouth - position, face_forward);
        ao = mix(0.75, 0.06, smoothstep(-0.02, 0.42, depth)) * mix(0.35, 1.0, smoothstep(0.0, 0.12, mouth_open));
        light *= ao; roughness = kind == 2 ? 0.22 : 0.35; shine = 0.8; wrap = vec3(0.3, 0.2, 0.15);
    } else if (kind == 1) {
        vec3 centre = dot(position - left_eye, position - left_eye) < dot(position - right_eye, position - right_eye) ? left_eye : right_eye;
        float height = dot(position - centre, face_up);
        ao = 0.9 * smoothstep(0.135, -0.03, height) * smoothstep(0.0, 0.11, dot(position - centre, face_forward)) + 0.05;
        light *= mix(0.4, 1.0, ao); roughness = 0.12; shine = 1.1; wrap = vec3(0.15);
    } else if (kind == 4) {
        roughness = 0.85; shine = 0.25; wrap = vec3(0.1);
        albedo *= 0.93 + 0.14 * noise(uv * 900.0);
    } else { wrap = vec3(0.25); roughness = 0.6; shine = 0.25; }

    vec3 diffuse = key_colour * wrapped(dot(n, key_direction), wrap) * light
        + fill_colour * wrapped(dot(n, fill_direction), wrap) * mix(0.5, 1.0, ao)
        + rim_colour * wrapped(dot(n, rim_direction), vec3(0.0)) * ao
        + mix(ground, sky, 0.5 + 0.5 * n.y) * ao;
    if (kind == 0) {                                       // occluded skin is redder, not greyer
        diffuse *= mix(vec3(1.08, 0.93, 0.90), vec3(1.0), clamp(ao * 1.4, 0.0, 1.0));
    }
    vec3 shineColour = key_colour * gloss(n, v, key_direction, roughness) * light
        + fill_colour * gloss(n, v, fill_direction, roughness) * ao
        + rim_colour * gloss(n, v, rim_direction, roughness) * ao
        + sky * 0.25 * pow(1.0 - max(dot(n, v), 0.0), 4.0) * ao;
    vec3 specular = shine * shineColour;
    if (kind == 5) {
        vec3 t = dFdx(position) * dFdy(uv.x) - dFdy(position) * dFdx(uv.x);
        t = length(t) > 1e-12 ? normalize(t) : vec3(0, 1, 0);
        t = normalize(t + n * (texel.g - 0.3) * 0.25);
        specular = (key_colour * light * (0.05 * strand(t, v, key_direction, 90.0) + albedo * 0.5 * strand(t, v, key_direction, 22.0))
            + rim_colour * 0.06 * strand(t, v, rim_direction, 40.0)) * ao;
    }
    if (kind >= 6) specular = vec3(0.0);
    vec3 body = film(albedo * diffuse + specular);
    if (kind == 1) { body = film(albedo * diffuse * alpha + specular); }
    colour = vec4(pow(body, vec3(1.0 / 2.2)), alpha);
    if (kind != 1) colour.rgb *= alpha;                    // premultiplied; the cornea is gloss without body
    if (pass_kind == 1) colour = vec4(pow(body, vec3(1.0 / 2.2)), 1.0);
}
"""

DEPTH_VERTEX = """
#version 330
uniform mat4 view_projection;
in vec3 in_position; in vec2 in_uv;
out vec2 uv;
void main() { uv = vec2(in_uv.x, 1.0 - in_uv.y); gl_Position = view_projection * vec4(in_position, 1.0); }
"""

DEPTH_FRAGMENT = """
#version 330
uniform sampler2D albedo_map;
uniform int see_through;
in vec2 uv;
void main() { if (see_through == 1 && texture(albedo_map, uv).a < 0.5) discard; }
"""

BACKDROP_VERTEX = """
#version 330
in vec2 in_corner;
out vec2 uv;
void main() { uv = in_corner * 0.5 + 0.5; gl_Position = vec4(in_corner, 0.9999, 1.0); }
"""

BACKDROP_FRAGMENT = """
#version 330
uniform sampler2D picture;
in vec2 uv;
out vec4 colour;
void main() { colour = vec4(texture(picture, uv).rgb, 1.0); }
"""
